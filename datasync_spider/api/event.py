"""The events of a page: what each one's row needs, and its payload as the very bytes that the API sent.

Invariant: every raw event comes out once, either as an Event that PostgreSQL can store or as a RejectedEvent with the
reason, and no event takes another one down. What only the database can judge (numbers beyond its range) is left to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from datasync_spider.api.eventid import MAX_ID_BYTES, id_fault
from datasync_spider.api.grammar import MAX_DEPTH
from datasync_spider.api.page import RawEvent
from datasync_spider.api.scrutiny import Unusable, scrutinise
from datasync_spider.api.timestamp import parse_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BACKSLASH = b"\\"[0]  # as a number: that search is one memchr
_SURELY_SHORT = MAX_ID_BYTES // 4  # UTF-8 takes at most four bytes for a character


class Event(msgspec.Struct, gc=False):
    """``occurred_at_us``: microseconds since 1970-01-01 UTC, None where the API gave no usable time."""

    event_id: str
    occurred_at_us: int | None
    payload: bytes

    @property
    def occurred_at(self) -> datetime | None:
        """In UTC; None also where the time lies outside of the years 1 to 9999."""
        if self.occurred_at_us is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=self.occurred_at_us)
        except OverflowError:
            return None


class RejectedEvent(msgspec.Struct, gc=False):
    """``position`` counts from 0 within the page; ``reason`` is a slug of :mod:`datasync_spider.api.reasons`."""

    position: int
    reason: str
    raw: bytes


class ParsedEvents(msgspec.Struct):
    """Both lists are in the page's order."""

    events: list[Event]
    rejected: list[RejectedEvent]


class _Fields(msgspec.Struct, gc=False):
    """Members carry the wire's own names. A wrong type among the ids is for the slow look to judge."""

    id: str | int | None = None
    eventId: str | int | None = None  # noqa: N815
    event_id: str | int | None = None
    timestamp: Any = None
    occurredAt: Any = None  # noqa: N815
    occurred_at: Any = None


# A float would lose digits of a time: its text is kept instead, and reads as the same number.
_decode = msgspec.json.Decoder(_Fields, float_hook=str).decode


def parse_events(raw_events: Iterable[RawEvent]) -> ParsedEvents:
    """All events of a page."""
    events: list[Event] = []
    rejected: list[RejectedEvent] = []
    for position, raw in enumerate(raw_events):
        payload = bytes(raw)
        try:
            events.append(_read_quickly(payload) or Event(*scrutinise(payload), payload))
        except Unusable as error:
            rejected.append(RejectedEvent(position, error.reason, payload))
    return ParsedEvents(events, rejected)


def _read_quickly(payload: bytes) -> Event | None:
    """The event, or None if it needs the slow look."""
    try:
        fields = _decode(payload)
        # The decoder checks neither the UTF-8 of what it skips nor, to our limit, the depth.
        if not payload.isascii():
            payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(payload) > 2 * MAX_DEPTH and payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        return None
    if _BACKSLASH in payload and b"\\u0000" in payload:
        return None
    event_id = fields.id
    if type(event_id) is not str:
        event_id = _first_id(fields)
    if event_id is None:
        return None
    # Nearly every id is short and begins with a visible ASCII character, which leaves nothing to find fault with.
    if not ("!" <= event_id < "\x7f" and len(event_id) <= _SURELY_SHORT) and id_fault(event_id) is not None:
        return None
    occurred_at_us = parse_timestamp(fields.timestamp)
    if occurred_at_us is None:
        occurred_at_us = _other_time(fields)
    return Event(event_id, occurred_at_us, payload)


def _first_id(fields: _Fields) -> str | None:
    for value in (fields.id, fields.eventId, fields.event_id):
        if isinstance(value, int):
            # How long an integer Python turns into text is a setting of the host; the slow look keeps its digits.
            return str(value) if value.bit_length() < 64 else None
        if value is not None:
            return value
    return None


def _other_time(fields: _Fields) -> int | None:
    time = parse_timestamp(fields.occurredAt)
    return parse_timestamp(fields.occurred_at) if time is None else time
