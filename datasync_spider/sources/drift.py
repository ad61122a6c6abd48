"""What is known of a stream's fields, and what of a new sample is a change of them. Pure.

Each field is compared with what it stands in, its container: the record, or the object of the first level. Three
changes are reported, each once in a stream's life:

appeared       a field of which none of the samples before had any
vanished       one that was in nearly all samples, and in none of the last :data:`PAGES` pages that had its container
changed_type   a value of a kind of which none of the field's values before was; null is no kind of a value

A field that is rare is met late without being new. So the first sight alone is no change: what counts is that the hits
since then would be, if the field had been there as often all along, all behind the samples without any in less than one
of a million cases (:func:`_is_no_chance`). A field of every record passes that with its first page or two, whatever a
page's size within :data:`PAGES` pages; one in half of the records a few pages later; a rare one that was rare before
never. It is the same for kinds.

Each call of :meth:`Profile.meet` is a page.

Invariant: the first :data:`PAGES` pages of a stream, and its first :data:`LEAST_RECORDS` samples, change nothing: they
are what is known. No more than :data:`MOST_FIELDS` fields are followed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct

from datasync_spider.sources.columns import MOST_MEMBERS
from datasync_spider.sources.fieldsample import RECORD, Counts, Field, Kind
from datasync_spider.sources.paths import Path

What: TypeAlias = Literal["appeared", "vanished", "changed_type"]
CHANGES: Final[tuple[What, ...]] = get_args(What)

PAGES: Final = 10
LEAST_RECORDS: Final = 50
MOST_FIELDS: Final = 500
NEARLY_ALL: Final = 0.95
LEAST_HITS: Final = 20
"""So often a field was seen at least before it can vanish."""

_NO_CHANCE = math.log(1_000_000)
# More would not fit into an entry of an index.
_LONGEST_PATH_BYTES = 1_000


class Change(Struct, frozen=True):
    """``was`` and ``now``: kinds, the most frequent first; empty where there is none. As a text it is a clause."""

    path: str
    what: What
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        match self.what:
            case "appeared":
                return f"{self.path} appeared ({self.now})"
            case "vanished":
                return f"{self.path} vanished (it was {self.was})"
        return f"{self.path} changed its type ({self.was}, now also {self.now})"


def in_text(newest: Iterable[Mapping[str, Any]], count: int) -> str:
    """Changes in one line. ``newest``: the facts of some of them, of ``count`` in all."""
    changes = [str(Change(**facts)) for facts in newest]
    more = [f"and {count - len(changes):,} more"] if count > len(changes) else []
    return "; ".join(changes + more)


class Seen(Struct):
    """A field as one kind. ``before``: so many samples of its container came before the first one with it.

    ``before_values``: so many values of the field that were neither null nor of this kind came before. Both are 0 where
    the field, or the kind, is simply known. ``last`` and ``last_page``: how many samples, and pages, of its container
    there were when it was seen last. ``is_new``: it may still turn out to be a change. ``has_vanished``: that was
    reported. ``is_full``: of an object, that it has more members than are followed.
    """

    pages: int = 0
    records: int = 0
    before: int = 0
    before_values: int = 0
    last: int = 0
    last_page: int = 0
    is_new: bool = False
    has_vanished: bool = False
    is_full: bool = False


_NONE: Final = Seen()


class Profile:
    """``fields``: what is known. ``modified``: what of it has changed, with the pages and samples that were added.

    ``dropped``: fields that are not followed any more: the names in their object are data.
    """

    def __init__(self, fields: dict[Field, dict[Kind, Seen]]) -> None:
        self.fields = fields
        self.modified: dict[tuple[Field, Kind], tuple[int, int]] = {}
        self.dropped: list[Field] = []
        self._members = Counter(field[:-1] for field in fields if field)

    @property
    def is_learning(self) -> bool:
        """Whether what is met is what is known from now on, and no change."""
        record = self._container(RECORD)
        return record.pages < PAGES or record.records < LEAST_RECORDS

    def meet(self, page: Counts) -> None:
        """Adds what a page's sample shows."""
        if not page[RECORD, "object"]:
            return
        is_learning = self.is_learning
        # The first look is at what was known before the page.
        met = [key for key in page if self._follows(*key, is_learning=is_learning)]
        for field, kind in met:
            seen = self.fields[field][kind]
            hits = page[field, kind]
            seen.pages += 1
            seen.records += hits
            pages, records = self.modified.get((field, kind), (0, 0))
            self.modified[field, kind] = pages + 1, records + hits
        for field, kind in met:
            if field:
                container = self._container(field[:-1])
                seen = self.fields[field][kind]
                seen.last, seen.last_page = container.records, container.pages

    def changes(self) -> list[Change]:
        """What of all that was met is a change. What was reported once is not any more."""
        met = {field for field, _ in self.modified if field in self.fields}
        return [
            *chain.from_iterable(self._new(field) for field in sorted(met) if field),
            *(change for field in sorted(self.fields) if field not in met for change in self._gone(field)),
        ]

    def resolved(self) -> set[tuple[Field, Kind]]:
        """What is known, and will not turn out to be a change by being met again."""
        return {
            (field, kind) for field, kinds in self.fields.items() for kind, seen in kinds.items() if not seen.is_new
        }

    def full(self) -> set[Field]:
        """Containers of which no further member is followed."""
        return {field for field, kinds in self.fields.items() if "object" in kinds and kinds["object"].is_full}

    def _container(self, field: Field) -> Seen:
        return self.fields.get(field, {}).get("object", _NONE)

    def _follows(self, field: Field, kind: Kind, *, is_learning: bool) -> bool:
        kinds = self.fields.get(field)
        if kinds is None:
            if not self._has_capacity(field):
                return False
            kinds = self.fields[field] = {}
            if field:
                self._members[field[:-1]] += 1
        if kind not in kinds:
            is_known = is_learning or not field
            kinds[kind] = Seen(
                before=0 if is_known else self._container(field[:-1]).records,
                before_values=0 if is_known or kind == "null" else _values(kinds),
                is_new=not is_known,
            )
        return True

    def _has_capacity(self, field: Field) -> bool:
        if not field:
            return True
        holder = field[:-1]
        container = self._container(holder)
        if holder and container.is_full:
            return False
        if not _can_be_kept(field):
            return False
        if len(self.fields) > MOST_FIELDS:
            self._fill(RECORD)
            return False
        if holder and self._members[holder] >= MOST_MEMBERS:
            self._fill(holder)
            self.dropped += (members := [known for known in self.fields if known and known[:-1] == holder])
            for member in members:
                del self.fields[member]
            return False
        return True

    def _fill(self, holder: Field) -> None:
        seen = self.fields.get(holder, {}).get("object")
        if seen is not None and not seen.is_full:
            seen.is_full = True
            self.modified.setdefault((holder, "object"), (0, 0))

    def _new(self, field: Field) -> Iterable[Change]:
        kinds = self.fields[field]
        if all(seen.is_new for seen in kinds.values()):
            before = min(seen.before for seen in kinds.values())
            hits = sum(seen.records for seen in kinds.values())
            if _is_no_chance(hits, self._container(field[:-1]).records - before, before):
                now = _named(kinds)
                for kind in kinds:
                    self._resolve(field, kind)
                return [Change(str(Path(field)), "appeared", now=now)]
        values = _values(kinds)
        new = [
            kind
            for kind, seen in kinds.items()
            if kind != "null"
            and seen.is_new
            and _is_no_chance(seen.records, values - seen.before_values, seen.before_values)
        ]
        was = _named({kind: seen for kind, seen in kinds.items() if kind not in new and kind != "null"})
        for kind in new:
            self._resolve(field, kind)
        return [Change(str(Path(field)), "changed_type", was, kind) for kind in new]

    def _gone(self, field: Field) -> Iterable[Change]:
        if not field:
            return []
        kinds = self.fields[field]
        container = self._container(field[:-1])
        seen = kinds.values()
        if container.pages - max(one.last_page for one in seen) < PAGES or any(one.has_vanished for one in seen):
            return []
        hits = sum(one.records for one in seen)
        samples = max(one.last for one in seen) - min(one.before for one in seen)
        if hits < LEAST_HITS or hits < NEARLY_ALL * samples:
            return []
        for kind, one in kinds.items():
            one.has_vanished = True
            self.modified[field, kind] = (0, 0)
        return [Change(str(Path(field)), "vanished", _named(kinds))]

    def _resolve(self, field: Field, kind: Kind) -> None:
        self.fields[field][kind].is_new = False
        self.modified.setdefault((field, kind), (0, 0))


def _values(kinds: Mapping[Kind, Seen]) -> int:
    return sum(seen.records for kind, seen in kinds.items() if kind != "null")


def _named(kinds: Mapping[Kind, Seen]) -> str:
    often = sorted(kinds.items(), key=lambda entry: -entry[1].records)
    return " or ".join(kind for kind, _ in often)


def _is_no_chance(hits: int, samples: int, before: int) -> bool:
    """Whether ``hits`` in the last ``samples`` and none in those ``before`` says that they came with these.

    If they fell where chance puts them, all of them would be in the last samples with a probability below
    (samples / (before + samples)) ** hits. The first one says nothing: with it the samples begin.
    """
    return before > 0 and (hits - 1) * math.log((before + samples) / max(samples, 1)) > _NO_CHANCE


def _can_be_kept(field: Field) -> bool:
    """Whether the names can be kept as a path: some are data, and of any length."""
    try:
        length = sum(len(name.encode()) for name in field)
    except UnicodeEncodeError:
        return False
    return length <= _LONGEST_PATH_BYTES and all(name and "\0" not in name for name in field)
