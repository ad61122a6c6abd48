"""Typed columns of a stream: which kind a JSON value is, what several of them make together, how a column is called.

A kind is the narrowest type that holds the value as it is; null has none. Kinds of one field are merged to the type
that holds all of them: numbers to numeric, times among texts to text, and whatever else is mixed to jsonb.

Invariant: a value that fits a type is the same value in it. So a text is no number, a time without an offset is no
instant, one with more than six digits behind the second would be rounded, and both stay texts. What PostgreSQL's
functions say of a value (``migrations/0021_typed_columns.sql``), :func:`fits` says of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct

from datasync_spider.sources.paths import Path
from datasync_spider.sources.sqlwords import RESERVED

Type: TypeAlias = Literal["text", "bigint", "numeric", "boolean", "timestamptz", "jsonb"]
TYPES: Final[tuple[Type, ...]] = get_args(Type)
"""What a column can be, as PostgreSQL calls it."""

FIXED: Final = ("slice_id", "event_id", "occurred_at", "payload", "ingested_at", "deleted_at", "unseen_at")
"""What the table of a stream has, or may be given: no other column of its view is called so."""

MOST_MEMBERS: Final = 100
"""An object with more different members than these is a map, whose keys are data: one column holds it as a whole."""

_LONGEST_NAME_BYTES = 63
_DIGEST_CHARACTERS = 6
_LEAST, _MOST = -(2**63), 2**63 - 1
# Python refuses to make a number of more digits.
_MOST_DIGITS = 4_000
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6})0*)?"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)",
)
_MOST_OFFSET_HOURS, _MOST_OFFSET_MINUTES = 15, 59
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_DEAD_LETTER = re.compile(r"\W+|_+")


class Column(Struct, frozen=True, kw_only=True):
    """``type``: None where it is not said, or nothing but null is known. ``name``: None where the path makes it.

    ``is_masked``: no example of it is shown. ``is_indexed``: an index finds records by it.
    """

    path: Path
    name: str | None = None
    type: Type | None = None
    is_masked: bool = False
    is_indexed: bool = False


def record_of(text: str) -> Any:
    """The JSON text as PostgreSQL keeps a payload: no digit is lost. None where it is too deep to be read."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_whole)
    except RecursionError:
        return None


def kind_of(value: Any) -> Type | None:
    """The narrowest type of a JSON value; None for null."""
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            return "bigint" if _LEAST <= value <= _MOST else "numeric"
        case float() | Decimal():
            return "numeric"
        case str():
            return "text" if instant_of(value) is None else "timestamptz"
    return "jsonb"


def merged(first: Type | None, second: Type | None) -> Type | None:
    """The narrowest type that holds what both hold."""
    if first == second or second is None:
        return first
    match {first, second}:
        case kinds if None in kinds:
            return second
        case kinds if kinds == {"bigint", "numeric"}:
            return "numeric"
        case kinds if kinds == {"timestamptz", "text"}:
            return "text"
    return "jsonb"


def fits(value: Any, type_: Type) -> bool:
    """Whether a column of the type holds the value. Null fits any."""
    kind = kind_of(value)
    if type_ == "bigint" and kind == "numeric":
        # 5.0 is 5.
        return bool(_LEAST <= value <= _MOST and value == int(value))
    return merged(kind, type_) == type_


def instant_of(text: str) -> datetime | None:
    """In UTC and without a zone: the instant that a text of RFC 3339 means, if it means one, to the microsecond.

    Also with a space for the T, and an offset without a colon or minutes. None outside of the years 1 to 9999.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if offset > timedelta(hours=_MOST_OFFSET_HOURS, minutes=_MOST_OFFSET_MINUTES) or int(minutes or 0) > 59:
        return None
    try:
        local = datetime.fromisoformat(f"{day}T{time}.{(fraction or '').ljust(6, '0')}")
        return local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def fields_of(record: Any) -> Iterator[tuple[Path, Any]]:
    """What stands in the first two levels of a record, with the path to each: an object is followed by its members."""
    if not isinstance(record, dict):
        return
    for name, value in record.items():
        yield Path((name,)), value
        if isinstance(value, dict):
            for member, inner in value.items():
                yield Path((name, member)), inner


def plain_name(path: Path) -> str:
    """The path in snake case: ``user.htmlURL`` is ``user_html_url``. It may be longer than PostgreSQL has it."""
    words = "_".join(_HUMP.sub("_", str(step)) for step in path.steps)
    name = _NO_DEAD_LETTER.sub("_", words).strip("_").lower() or "field"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in RESERVED or name in FIXED else name


def column_name(path: Path, taken: Collection[str]) -> str:
    """The name of the path's column: in snake case, or with a digest of the path where that is taken or too long."""
    name = plain_name(path)
    if len(name.encode()) <= _LONGEST_NAME_BYTES and name not in taken:
        return name
    digest = hashlib.sha256(str(path).encode()).hexdigest()
    for characters in range(_DIGEST_CHARACTERS, len(digest) + 1):
        mark = f"_{digest[:characters]}"
        marked = name.encode()[: _LONGEST_NAME_BYTES - len(mark)].decode(errors="ignore") + mark
        if marked not in taken:
            return marked
    raise ValueError(f"no name is left for the column of {path}")


def named(paths: Collection[Path], taken: Collection[str]) -> dict[Path, str]:
    """A name of its own for each, shortest paths first, and first those that are called as they are written."""
    names: dict[Path, str] = {}
    used = {*FIXED, *taken}
    for path in sorted(paths, key=lambda path: (len(path.steps), plain_name(path) != str(path), str(path))):
        names[path] = column_name(path, used)
        used.add(names[path])
    return names


def is_masked(path: Path, masked: Collection[Path]) -> bool:
    """Whether an example of it would show what is masked: it, a part of it, or what it is a part of."""
    return any(path.steps[: len(one.steps)] == one.steps[: len(path.steps)] for one in masked)


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _MOST_DIGITS else Decimal(text)
