"""Reads how a sync after the first one is shorter.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import boolean, choice, duration, text_of
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.slots import slots
from datasync_spider.sources.spec import Incremental, Pairs, TimeFormat
from datasync_spider.sources.timetexts import instant_ms

_CONDITIONAL = "conditional"
_TYPES = ("known", "since", _CONDITIONAL, "none")
_FORMATS: tuple[TimeFormat, ...] = ("iso", "s", "ms", "us", "ns")
_LATER_INCREMENTAL = ("resume", "window")
_OF_SINCE = ("param", "start", "overlap", "lag", "inclusive")
# Which keys go with which types, beside those that go with all.
_OF_TYPES: Final = {"since": _OF_SINCE}


def read_incremental(table: Table) -> Incremental:
    """None of it where nothing is said."""
    inner = table.table("incremental", keys.INCREMENTAL, 'a table such as { type = "known" }')
    if inner is None:
        return Incremental()
    kind = inner.need("type", choice(_TYPES, later=_LATER_INCREMENTAL), "none")
    own = _OF_TYPES.get(kind, ())
    for key in _OF_SINCE:
        if key in inner and key not in own:
            types = " or ".join(name for name, of_type in _OF_TYPES.items() if key in of_type)
            inner.note(key, f"goes with {types} only; allowed: no such key")
    way = Incremental(
        format=inner.take("format", choice(_FORMATS), "iso"),
        conditional=inner.take("conditional", boolean(), False) or kind == _CONDITIONAL,
    )
    match kind:
        case "known":
            return replace(way, type="known")
        case "since":
            return _read_since(inner, way)
    return way


def read_since_parameter(table: Table) -> Pairs:
    """The parameter that ``param`` names, as ``query`` would have it."""
    given = table.raw("incremental")
    name = given.get("param") if isinstance(given, dict) and given.get("type") == "since" else None
    # What is no name is found where the table is read.
    return ((name, "{since}"),) if isinstance(name, str) and name else ()


def time_text() -> Kind[str]:
    """A date or a time, as a text or as TOML's own."""

    def read(value: Any) -> str:
        text = value.isoformat() if isinstance(value, date) else text_of(value)
        instant_ms(text)
        return text

    return Kind(read, 'a date or a time in ISO 8601 such as "2024-01-01", UTC where it says no other zone')


def _read_since(inner: Table, way: Incremental) -> Incremental:
    inner.take("param", _parameter(), "")
    return replace(
        way,
        type="since",
        start=inner.take("start", time_text(), None),
        inclusive=inner.take("inclusive", boolean(), True),
        overlap_seconds=inner.take("overlap", duration(), 0.0),
        lag_seconds=inner.take("lag", duration(), 0.0),
    )


def _parameter() -> Kind[str]:
    def read(value: Any) -> str:
        text = text_of(value)
        if slots(text):
            raise ValueError("a parameter's name holds no slot")
        return text

    return Kind(read, "the name of a parameter of the query")
