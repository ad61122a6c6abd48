"""One raw event as what will be stored: its id, its time, and its bytes untouched. Or why it cannot be.

Invariant: every raw event comes out exactly once, accepted or rejected, and its bytes are those that the API sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from datasync_spider.api.page import RawEvent, is_plain
from datasync_spider.api.timestamp import parse_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_ID_BYTES = 1000
_PLAIN_ID_LENGTH = 200
_DEEPEST = 512
_INVISIBLE = "".join(map(chr, [*range(0x00, 0x21), *range(0x7F, 0xA1), 0x200B, 0x200C, 0x200D, 0xFEFF]))
# An escape that stands for NUL or for half a character; the lookbehind passes over escaped backslashes.
_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class Event(msgspec.Struct, gc=False):
    """``occurred_at_us``: microseconds since 1970-01-01 UTC, None where the event tells no time."""

    event_id: str
    occurred_at_us: int | None
    payload: bytes

    @property
    def occurred_at(self) -> datetime | None:
        """The same in UTC; None also outside the years 1 to 9999."""
        if self.occurred_at_us is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=self.occurred_at_us)
        except OverflowError:
            return None


class RejectedEvent(msgspec.Struct, gc=False):
    """``position`` counts the events of the page from 0; ``reason`` is a stable slug; ``raw`` the bytes as received."""

    position: int
    reason: str
    raw: bytes


class ParsedEvents(msgspec.Struct):
    """A page's events, each in one of the two lists."""

    events: list[Event]
    rejected: list[RejectedEvent]


class _Fields(msgspec.Struct, gc=False):
    """The usual types; whatever does not fit them is looked at more closely."""

    id: str | int | None = None
    eventId: str | int | None = None  # noqa: N815 - the API's name
    event_id: str | int | None = None
    timestamp: str | int | None = None
    occurredAt: str | int | None = None  # noqa: N815
    occurred_at: str | int | None = None


_ID_NAMES = ("id", "eventId", "event_id")
_TIME_NAMES = ("timestamp", "occurredAt", "occurred_at")
_decode_fields = msgspec.json.Decoder(_Fields).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode


def parse_events(raw_events: Sequence[RawEvent], *, all_plain: bool = False) -> ParsedEvents:
    """All events of a page, in order. ``all_plain``: somebody has looked already, see :func:`is_plain`."""
    events: list[Event] = []
    rejected: list[RejectedEvent] = []
    accept = events.append
    for position, raw in enumerate(raw_events):
        payload = bytes(raw)
        try:
            fields = _decode_fields(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            event = _parse_closely(payload)
        else:
            event_id = fields.id
            if (
                type(event_id) is str
                and event_id[:1].isalnum()
                and len(event_id) <= _PLAIN_ID_LENGTH
                and (all_plain or is_plain(payload))
            ):
                occurred_at_us = parse_timestamp(fields.timestamp)
                if occurred_at_us is None:
                    occurred_at_us = _time(fields)
                accept(Event(event_id, occurred_at_us, payload))
                continue
            event = _judge(payload, _first_id(fields), _time(fields))
        if isinstance(event, Event):
            accept(event)
        else:
            rejected.append(RejectedEvent(position, event, payload))
    return ParsedEvents(events, rejected)


def _first_id(fields: _Fields) -> object:
    return next((value for name in _ID_NAMES if (value := getattr(fields, name)) is not None), None)


def _time(fields: _Fields) -> int | None:
    return next((us for name in _TIME_NAMES if (us := parse_timestamp(getattr(fields, name))) is not None), None)


def _parse_closely(payload: bytes) -> Event | str:
    """An event whose fields are not of the usual types, or that is no event at all: the event, or the reason."""
    malformed = _malformed(payload)
    if malformed is not None:
        return malformed
    try:
        members = _decode_members(payload)
    except msgspec.ValidationError:
        return "not_an_object"
    event_id = next((value for name in _ID_NAMES if (value := _value(members.get(name))) is not None), None)
    occurred_at_us = next(
        (us for name in _TIME_NAMES if (us := parse_timestamp(_time_text(members.get(name)))) is not None), None
    )
    return _judge(payload, event_id, occurred_at_us)


def _malformed(payload: bytes) -> str | None:
    """Why this is no JSON that anybody could store, or None."""
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return "invalid_utf8"
    if _depth(payload) > _DEEPEST:
        return "too_deep"
    try:
        _decode_any(payload)
    except RecursionError:
        return "too_deep"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "lone_surrogate" if _SURROGATE_ESCAPE.search(payload) else "malformed_json"
    return None


def _judge(payload: bytes, event_id: object, occurred_at_us: int | None) -> Event | str:
    malformed = None if is_plain(payload) else _malformed(payload)
    if malformed is not None:
        return malformed
    if event_id is None:
        return "no_id"
    if isinstance(event_id, bool) or not isinstance(event_id, str | int):
        return "id_wrong_type"
    text = str(event_id)
    if not text.strip(_INVISIBLE):
        return "id_empty"
    if "\0" in text:
        return "id_nul"
    if len(text.encode()) > _LONGEST_ID_BYTES:
        return "id_too_long"
    if _NUL_ESCAPE.search(payload):
        return "nul_character"
    return Event(text, occurred_at_us, payload)


def _value(raw: msgspec.Raw | None) -> object:
    """A member's value; numbers that are no integers stay what they are not: an id."""
    return None if raw is None else _decode_any(bytes(raw))


def _time_text(raw: msgspec.Raw | None) -> str | int | None:
    if raw is None:
        return None
    value: Any = _decode_any(bytes(raw))
    if isinstance(value, float):
        # The digits of a decimal are kept as text: a float would round the microseconds of large numbers.
        return bytes(raw).decode()
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _depth(payload: bytes) -> int:
    """How deep brackets are nested, strings aside."""
    deepest = depth = 0
    for match in _BRACKET.finditer(payload):
        token = match[0]
        if token in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"}]":
            depth -= 1
    return deepest


_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
