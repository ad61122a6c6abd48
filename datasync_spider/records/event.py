"""The events of a page: what each one's row needs, and its payload as the very bytes that the API sent.

Invariant: these are values. How they are read from bytes is known by :mod:`datasync_spider.records.recordparser`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from datasync_spider.records.fastpath import Payload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    """``reason`` is a slug of :mod:`datasync_spider.observe.reasons`; ``detail`` says more where there is more to say.

    ``position`` counts from 0 within the page; -1 where the place is not known any more. ``event_id``: what can be read
    as its id all the same.
    """

    position: int
    reason: str
    raw: bytes
    detail: str | None = None
    event_id: str | None = None


class ParsedEvents(msgspec.Struct):
    """A page's usable events as columns of one length, and its rejected ones; all in the page's order.

    Columns, because an object for each event is a fifth of what a page costs, and no one but an item pipeline of a
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
