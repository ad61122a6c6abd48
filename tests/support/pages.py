"""Pages made by hand, for what needs no API."""

from __future__ import annotations

import time

from datasync_spider.items import EventPage
from datasync_spider.records.event import Event, RejectedEvent


def event(event_id: str, occurred_at_us: int | None = 1_700_000_000_000_000, payload: bytes | None = None) -> Event:
    return Event(event_id, occurred_at_us, payload if payload is not None else b'{"id":"%s"}' % event_id.encode())


def page(
    number: int,
    event_ids: list[str] | list[Event],
    *,
    rejected: list[RejectedEvent] | None = None,
    ends_pass: str | None = None,
    expected_total: int | None = None,
    chain: int = 1,
) -> EventPage:
    events = [entry if isinstance(entry, Event) else event(entry) for entry in event_ids]
    dead = rejected or []
    return EventPage(
        number=number,
        chain=chain,
        cursor=None if number == 1 else f"cursor-{number - 1}",
        next_cursor=None if ends_pass == "last_page" else f"cursor-{number}",
        received_events=len(events) + len(dead),
        events=events,
        rejected=dead,
        ends_pass=ends_pass,
        expected_total=expected_total,
        fetched_at=time.time(),
    )
