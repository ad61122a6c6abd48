"""Reads how a sync after the first one is shorter.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal, TypeAlias

from msgspec.structs import replace

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import boolean, choice, duration, text_of, whole_number
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.slots import slots
from datasync_spider.sources.spec import Incremental, Pairs
from datasync_spider.sources.timetexts import FORMS, check_form, instant_ms

_Type: TypeAlias = Literal["known", "since", "resume", "window", "conditional", "none"]
_TYPES: tuple[_Type, ...] = ("known", "since", "resume", "window", "conditional", "none")
_MOST_PARALLEL: Final = 64
_SMALLEST_STEP: Final = 1.0
# Which keys go with which types, beside those that go with all.
_OF_TYPES: Final = {
    "since": ("param", "start", "overlap", "lag", "inclusive"),
    "resume": ("start",),
    "window": ("start", "from", "to", "step", "parallel", "overlap", "lag", "inclusive"),
}


def read_incremental(table: Table) -> Incremental:
    """None of it where nothing is said."""
    inner = table.table("incremental", keys.INCREMENTAL, 'a table such as { type = "known" }')
    if inner is None:
        return Incremental()
    kind: _Type = inner.need("type", choice(_TYPES), "none")
    own = _OF_TYPES.get(kind, ())
    for key in dict.fromkeys(key for keys_ in _OF_TYPES.values() for key in keys_):
        if key in inner and key not in own:
            types = " or ".join(name for name, keys_ in _OF_TYPES.items() if key in keys_)
            inner.note(key, f"goes with {types} only; allowed: no such key")
    way = Incremental(
        format=inner.take("format", _format(), "iso"),
        conditional=inner.take("conditional", boolean(), False) or kind == "conditional",
    )
    match kind:
        case "known":
            return replace(way, type="known")
        case "since":
            return _read_since(inner, way)
        case "resume":
            return replace(way, type="resume", start=inner.take("start", time_text(), None))
        case "window":
            return _read_windows(inner, way)
    return way


def read_times(table: Table) -> Pairs:
    """The parameters that ``param``, or ``from`` and ``to`` name, as ``query`` would have them."""
    given = table.raw("incremental")
    if not isinstance(given, dict):
        return ()
    named: tuple[tuple[Any, str], ...] = ()
    match given.get("type"):
        case "since":
            named = ((given.get("param"), "{since}"),)
        case "window":
            named = ((given.get("from"), "{since}"), (given.get("to"), "{until}"))
    # What is no name is found where the table is read.
    return tuple((name, slot) for name, slot in named if isinstance(name, str) and name)


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


def _read_windows(inner: Table, way: Incremental) -> Incremental:
    for key in ("from", "to"):
        inner.take(key, _parameter(), "")
    step = inner.need("step", duration(), None)
    if step is not None and step < _SMALLEST_STEP:
        inner.refuse("step", "it is too short", "a duration of at least 1 s", f"{step:g}")
    if way.conditional:
        inner.note("conditional", "does not go with window, which has many first pages; allowed: no such key")
    return replace(
        way,
        type="window",
        start=inner.need("start", time_text(), None),
        step_seconds=step,
        parallel=inner.take("parallel", whole_number(1, _MOST_PARALLEL), 1),
        overlap_seconds=inner.take("overlap", duration(), 0.0),
        lag_seconds=inner.take("lag", duration(), 0.0),
        inclusive=inner.take("inclusive", boolean(), True),
    )


def _format() -> Kind[str]:
    def read(value: Any) -> str:
        text = text_of(value)
        check_form(text)
        return text

    return Kind(read, f'{", ".join(FORMS)}, or a pattern of strftime such as "%Y-%m-%d"')


def _parameter() -> Kind[str]:
    def read(value: Any) -> str:
        text = text_of(value)
        if slots(text):
            raise ValueError("a parameter's name holds no slot")
        return text

    return Kind(read, "the name of a parameter of the query")
