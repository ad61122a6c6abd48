"""The events of a page: what each one's row needs, and its payload as the very bytes that the API sent.

Invariant: every raw event comes out once, either as an Event that PostgreSQL can store or as a RejectedEvent with the
reason, and no event takes another one down. What only the database can judge (numbers beyond its range) is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from datasync_spider.api import compiled
from datasync_spider.api.quicklook import Payload, look_at_all, look_at_one
from datasync_spider.api.scrutiny import Unusable, readable_id, scrutinise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# So many go through all steps together, and stay in the processor's cache for that long.
_TOGETHER = 500
# One event in so many may be looked at by itself before a look at all of them costs less.
_FEW_DOUBTS = 8


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
    """``reason`` is a slug of :mod:`datasync_spider.reasons`; ``detail`` says more where there is more to say.

    ``position`` counts from 0 within the page; -1 where the place is not known any more. ``event_id``: what can be read
    as its id all the same.
    """

    position: int
    reason: str
    raw: bytes
    detail: str | None = None
    event_id: str | None = None


class ParsedEvents(msgspec.Struct):
    """A page's usable events as columns of one length, and its unusable ones; all in the page's order.

    Columns, because an object for each event is a fifth of what a page costs, and nobody but an item pipeline of a
    user's or an export ever looks at one. ``payloads`` may be parts of the page's body, which then stays in memory for
    as long as they do.
    """

    event_ids: list[str]
    times_us: list[int | None]
    payloads: Sequence[Payload]
    rejected: list[RejectedEvent]

    @property
    def events(self) -> list[Event]:
        """Made anew at each look; their payloads are bytes of their own."""
        return list(map(Event, self.event_ids, self.times_us, map(bytes, self.payloads)))


class _Parsing:
    """Columns while they grow."""

    def __init__(self) -> None:
        self._event_ids: list[str] = []
        self._times_us: list[int | None] = []
        self._payloads: list[Payload] = []
        self._rejected: list[RejectedEvent] = []

    def add(self, event_id: str, time_us: int | None, payload: bytes) -> None:
        self._event_ids.append(event_id)
        self._times_us.append(time_us)
        self._payloads.append(payload)

    def extend(self, event_ids: list[str], times_us: list[int | None], payloads: list[Payload]) -> None:
        self._event_ids += event_ids
        self._times_us += times_us
        self._payloads += payloads

    def look_closer(self, position: int, payload: bytes) -> None:
        try:
            event_id, time_us = look_at_one(payload) or scrutinise(payload)
        except Unusable as error:
            self._rejected.append(RejectedEvent(position, error.reason, payload, event_id=readable_id(payload)))
        else:
            self.add(event_id, time_us, payload)

    def parsed(self) -> ParsedEvents:
        return ParsedEvents(self._event_ids, self._times_us, self._payloads, self._rejected)


def parse_events(raw_events: list[msgspec.Raw] | compiled.Events) -> ParsedEvents:
    """All events of a page."""
    if isinstance(raw_events, list):
        return _parse_together(raw_events)
    event_ids, times_us, doubts = raw_events.columns()
    if not doubts:
        return ParsedEvents(event_ids, times_us, raw_events, [])  # type: ignore[arg-type] # no id is None
    if doubts * _FEW_DOUBTS > len(raw_events):
        return _parse_together(list(raw_events))
    parsing = _Parsing()
    for position, (event_id, time_us, payload) in enumerate(zip(event_ids, times_us, raw_events, strict=True)):
        if event_id is None:
            parsing.look_closer(position, payload)
        else:
            parsing.add(event_id, time_us, payload)
    return parsing.parsed()


def _parse_together(raw_events: Sequence[Payload]) -> ParsedEvents:
    parsing = _Parsing()
    for start in range(0, len(raw_events), _TOGETHER):
        some = list(raw_events[start : start + _TOGETHER])
        columns = look_at_all(some)
        if columns is not None:
            parsing.extend(*columns, some)
            continue
        for position, payload in enumerate(some, start):
            parsing.look_closer(position, bytes(payload))
    return parsing.parsed()
