"""Which fields of the records are their id and their times, and in which order the records came.

Invariant: an id that is proposed was in all records, is a text or a whole number, and was unique on and across all
pages that were seen. An order that is proposed agrees with every time that was seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from itertools import combinations, pairwise
from typing import Any

from msgspec import Struct

from datasync_spider.ops.discovery.url.names import is_scalar, members, plain, words
from datasync_spider.records.timestamp import parse_timestamp
from datasync_spider.sources.paths import MISSING, Path

_IDS = ("id", "uuid", "guid", "eventid", "gid", "nodeid", "objectid", "docid", "oid", "uid")
_ID_ENDINGS = ("id", "uuid", "guid", "key", "sha", "hash", "number", "no", "code", "slug", "name", "login", "ts", "seq")
_TIME_WORDS = frozenset(
    {
        *(
            "at",
            "on",
            "time",
            "times",
            "timestamp",
            "ts",
            "date",
            "datetime",
            "created",
            "updated",
            "modified",
            "since",
        ),
        *("occurred", "happened", "published", "inserted", "received", "posted", "start", "end", "when", "last"),
        *("occurredat", "createdat", "updatedat", "createdon", "updatedon", "pushed", "closed", "edited", "utc"),
    }
)
# The first of these that is among the times which agree with the order is the one that it goes by.
_TIME_RANKS = ("occurred", "timestamp", "created", "published", "time", "date", "ts", "modified", "updated", "last")
_PATTERNS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d%H%M%S", "%Y%m%d", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M:%S %z"),
    *("%d/%m/%Y", "%d.%m.%Y", "%m/%d/%Y"),
)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_ZONE = re.compile(r"(?:[Zz]|[+-][0-9]{2}:?(?:[0-9]{2})?)$")
_LONGEST_ID = 256
_SURE = 5


class Identity(Struct, frozen=True):
    """``kind``: ``any`` of one path, ``all`` of several, ``hash`` where no member distinguishes the records.

    ``others``: other paths that could be it. ``doubts``: what speaks against it, in sentences.
    """

    kind: str
    paths: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()
    doubts: tuple[str, ...] = ()

    def of(self, record: Any) -> Any:
        """What distinguishes this record from another one; None where it has no such thing."""
        if self.kind == "hash":
            return repr(record)
        values = tuple(path.read(record) for path in self.paths)
        return None if any(not _can_be_id(value) for value in values) else values


@dataclass(frozen=True, slots=True)
class TimeField:
    """``format`` as a file has it. ``has_zone`` False: the texts name none. ``order`` None: the times are too few."""

    path: Path
    format: str
    times: tuple[int, ...] = field(repr=False)
    has_zone: bool = True
    order: str | None = None
    distinct: int = 0
    is_partial: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether so many times agree that chance is no explanation."""
        return self.distinct >= _SURE


def find_identity(pages: Sequence[Sequence[Any]], prefer: Sequence[str] = ()) -> Identity:
    """``pages``: the records of each, of which no two should be one. ``prefer``: plain names that hint at the id."""
    records = [record for page in pages for record in page]
    unique = [path for path in _paths(records) if _is_unique(records, path)]
    ranked = sorted(unique, key=lambda path: _id_rank(path, records, prefer))
    if ranked and _id_rank(ranked[0], records, prefer)[0] < 4:
        doubts = () if _id_rank(ranked[0], records, prefer)[0] < 2 else ("its name says nothing of an id",)
        others = [path for path in ranked[1:4] if _id_rank(path, records, prefer)[0] < 2]
        return Identity("any", (ranked[0],), tuple(others), doubts)
    parts = [path for path in _paths(records) if _id_rank(path, records, prefer)[0] < 4 or _is_time_name(path)]
    parts.sort(key=lambda path: _id_rank(path, records, prefer))
    for size in (2, 3):
        for paths in combinations(parts[:8], size):
            found = Identity("all", paths, doubts=("no single member is unique",))
            if _distinguishes(records, found):
                return found
    if ranked:
        doubts = ("nothing but free text or times is unique",)
        return Identity("any", (ranked[0],), tuple(ranked[1:4]), doubts)
    return Identity("hash", doubts=("no member, and no two or three of them, distinguish the records",))


def _paths(records: Sequence[Any]) -> list[Path]:
    """Of all scalars of the first record."""
    return [Path(steps) for steps, value in members(records[0] if records else None) if is_scalar(value)]


def _is_unique(records: Sequence[Any], path: Path) -> bool:
    values = [path.read(record) for record in records]
    return all(_can_be_id(value) for value in values) and len(set(map(str, values))) == len(values)


def _distinguishes(records: Sequence[Any], identity: Identity) -> bool:
    values = [identity.of(record) for record in records]
    return None not in values and len(set(values)) == len(values)


def _can_be_id(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST_ID
    return isinstance(value, int) and not isinstance(value, bool)


def _id_rank(path: Path, records: Sequence[Any], prefer: Sequence[str]) -> tuple[int, int, int]:
    """The lower the likelier: class of the name, depth, place in the list of names."""
    name = plain(str(path.steps[-1]))
    depth = len(path.steps)
    value = path.read(records[0])
    if name in prefer:
        return 0, depth, 0
    if name in _IDS:
        # One of something within the record is less than one of the record itself.
        return 0 if depth == 1 else 2, depth, _IDS.index(name)
    last = words(str(path.steps[-1]))[-1:] or [""]
    is_text = isinstance(value, str) and (" " in value or "://" in value or len(value) > 80)
    if _is_time_name(path) and parse_timestamp(value) is not None:
        return 5, depth, 0
    if last[0] in _ID_ENDINGS and not is_text:
        return 1 if depth == 1 else 2, depth, _ID_ENDINGS.index(last[0])
    return (4 if is_text else 3), depth, 0


def find_times(pages: Sequence[Sequence[Any]]) -> list[TimeField]:
    """All members that read as times, those first by which the pages go."""
    records = [record for page in pages for record in page]
    found = [one for path in _time_paths(records) if (one := _time_field(path, records)) is not None]
    return sorted(found, key=_time_rank)


def _time_paths(records: Sequence[Any]) -> Iterator[Path]:
    seen: dict[tuple[str, ...], None] = {}
    for record in records[:20]:
        seen.update(dict.fromkeys(steps for steps, value in members(record) if is_scalar(value)))
    yield from map(Path, seen)


def _is_time_name(path: Path) -> bool:
    return not _TIME_WORDS.isdisjoint(words(str(path.steps[-1])))


def _time_field(path: Path, records: Sequence[Any]) -> TimeField | None:
    values = [path.read(record) for record in records]
    given = [value for value in values if value is not MISSING and value is not None and value != ""]
    if not given or (not _is_time_name(path) and not all(isinstance(v, str) and _ISO.match(v) for v in given)):
        return None
    for form in ("auto", "rfc2822", *_PATTERNS):
        times = [_time(value, form) for value in given]
        read = [time for time in times if time is not None]
        if len(read) == len(times):
            break
    else:
        return None
    has_zone = (
        form == "rfc2822"
        or "%z" in form
        or not any(isinstance(value, str) and _ISO.match(value) and not _ZONE.search(value) for value in given)
    )
    is_naive = form in _PATTERNS and "%z" not in form
    is_partial = len(given) < len(records)
    order = None if is_partial else _order(read)
    return TimeField(path, form, tuple(read), has_zone and not is_naive, order, len(set(read)), is_partial)


def _time(value: Any, form: str) -> int | None:
    """Microseconds since 1970; a number of fourteen digits is a date that is written as one."""
    text = str(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
    try:
        match form:
            case "auto":
                is_written = isinstance(text, str) and re.fullmatch(r"(?:19|20)[0-9]{12}", text)
                return None if is_written else parse_timestamp(text)
            case "rfc2822":
                return round(parsedate_to_datetime(text).timestamp() * 1e6) if isinstance(text, str) else None
        moment = datetime.strptime(text, form) if isinstance(text, str) else None  # noqa: DTZ007 - next line
        return None if moment is None else round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1e6)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _order(times: Sequence[int]) -> str | None:
    """None where the times say nothing: they are one, or too few."""
    if len(set(times)) < 2:
        return None
    if all(earlier <= later for earlier, later in pairwise(times)):
        return "oldest-first"
    if all(earlier >= later for earlier, later in pairwise(times)):
        return "newest-first"
    return "none"


def _time_rank(found: TimeField) -> tuple[bool, bool, bool, int, int]:
    is_ordered = found.order in {"oldest-first", "newest-first"}
    name = words(str(found.path.steps[-1]))
    rank = next((index for index, word in enumerate(_TIME_RANKS) if word in name), len(_TIME_RANKS))
    return not (is_ordered and found.is_sure), found.is_partial, not is_ordered, len(found.path.steps), rank
