"""The events of a page: what each one's row needs, and its payload as the very bytes that the API sent.

Invariant: every raw event comes out once, either as an Event that PostgreSQL can store or as a RejectedEvent with the
reason, and no event takes another one down. What only the database can judge (numbers beyond its range) is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from datasync_spider.api.page import RawEvent
from datasync_spider.api.quicklook import Payload, look_at_all, look_at_one
from datasync_spider.api.scrutiny import Unusable, scrutinise

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# So many go through all steps together, and stay in the processor's cache for that long.
_TOGETHER = 500


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
    """``reason`` is a slug of :mod:`datasync_spider.api.reasons`; ``detail`` says more where there is more to say.

    ``position`` counts from 0 within the page; -1 where the place is not known any more.
    """

    position: int
    reason: str
    raw: bytes
    detail: str | None = None


class ParsedEvents(msgspec.Struct):
    """A page's usable events as columns of one length, and its unusable ones; all in the page's order.

    Columns, because an object for each event is a fifth of what a page costs, and nobody but an item pipeline of a
    user's or an export ever looks at one. ``payloads`` may be parts of the page's body, which then stays in memory for
    as long as they do.
    """

    event_ids: list[str]
    times_us: list[int | None]
    payloads: list[Payload]
    rejected: list[RejectedEvent]

    @property
    def events(self) -> list[Event]:
        """Made anew at each look; their payloads are bytes of their own."""
        return list(map(Event, self.event_ids, self.times_us, map(bytes, self.payloads)))


def parse_events(raw_events: Sequence[RawEvent]) -> ParsedEvents:
    """All events of a page."""
    parsed = ParsedEvents([], [], [], [])
    for start in range(0, len(raw_events), _TOGETHER):
        some = raw_events[start : start + _TOGETHER]
        columns = look_at_all(some)
        if columns is None:
            _parse_one_by_one(start, some, parsed)
        else:
            event_ids, times_us = columns
            parsed.event_ids += event_ids
            parsed.times_us += times_us
            parsed.payloads += some
    return parsed


def _parse_one_by_one(start: int, raw_events: Sequence[RawEvent], parsed: ParsedEvents) -> None:
    for position, payload in enumerate(map(bytes, raw_events), start):
        try:
            event_id, occurred_at_us = look_at_one(payload) or scrutinise(payload)
        except Unusable as error:
            parsed.rejected.append(RejectedEvent(position, error.reason, payload))
        else:
            parsed.event_ids.append(event_id)
            parsed.times_us.append(occurred_at_us)
            parsed.payloads.append(payload)
