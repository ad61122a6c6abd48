"""Which fields of an event become its id and its time: found by handing the parser one field at a time.

So the answer is the parser's own, whatever names it knows; where two fields could serve, the whole event shows which
did.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from datasync_spider.records.event import Event
from datasync_spider.records.recordreader import RecordReader

_LONGEST_EXAMPLE = 80


class FieldUse(Struct, frozen=True):
    """A field that serves a purpose: in how many of the events, in which forms, with an example of each form."""

    name: str
    events: int
    forms: dict[str, str]


class EventFields(Struct, frozen=True):
    """``without_time`` counts the stored events without a time that could be read."""

    ids: tuple[FieldUse, ...]
    times: tuple[FieldUse, ...]
    names: tuple[str, ...]
    without_time: int


class _Uses:
    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._forms: dict[str, dict[str, str]] = {}

    def add(self, name: str, raw: bytes) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1
        self._forms.setdefault(name, {}).setdefault(_form(raw), raw.decode("utf-8", "replace")[:_LONGEST_EXAMPLE])

    def result(self) -> tuple[FieldUse, ...]:
        return tuple(FieldUse(name, count, self._forms[name]) for name, count in self._counts.items())


def find_event_fields(events: Sequence[Event], reader: RecordReader) -> EventFields:
    """What the reader made of these events' fields."""
    ids, times = _Uses(), _Uses()
    names: dict[str, None] = {}
    for event in events:
        members = {name: bytes(raw) for name, raw in _members(event.payload).items()}
        names.update(dict.fromkeys(members))
        identity = None
        for name, raw in members.items():
            if (alone := _parsed(reader, name, raw)) and alone.event_id == event.event_id:
                ids.add(name, raw)
                identity = _member(name, raw)
                break
        for name, raw in members.items():
            alone = None if event.occurred_at_us is None else _parsed(reader, name, raw, identity)
            if alone and alone.occurred_at_us == event.occurred_at_us:
                times.add(name, raw)
                break
    without_time = sum(event.occurred_at_us is None for event in events)
    return EventFields(ids.result(), times.result(), tuple(names), without_time)


def _members(payload: bytes) -> dict[str, msgspec.Raw]:
    """Empty for a record that is no object."""
    try:
        return msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return {}


def _member(name: str, raw: bytes) -> bytes:
    return msgspec.json.encode(name) + b":" + raw


def _parsed(reader: RecordReader, name: str, raw: bytes, identity: bytes | None = None) -> Event | None:
    """What the reader makes of an event that has this field only, beside the one that is its id where that is given."""
    fields = [identity] if identity is not None else []
    alone = b"{" + b",".join([*fields, _member(name, raw)]) + b"}"
    return next(iter(reader.parse([msgspec.Raw(alone)]).events), None)


def _form(raw: bytes) -> str:
    first = raw[:1]
    if first != b'"':
        return {b"n": "null", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean"}.get(first, "number")
    text = raw.strip(b'"')
    if text.replace(b".", b"").isdigit():
        return "number as text"
    return "text ending in Z" if text.endswith(b"Z") else "text"
