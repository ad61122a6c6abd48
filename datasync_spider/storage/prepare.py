"""Turns pages into rows, one page after the other in the run's order.

Invariant: two pages that are being written at the same time never hold the same id. That is what shuts out the deadlock
that PostgreSQL cannot see, where batch k+1 holds a key that batch k wants while k+1 waits for k's commit. An id that is
in flight already counts as a duplicate: its earlier page commits first, or the later one not at all.
"""

from __future__ import annotations

from datasync_spider.api.event import Event
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, PreparedPage, Watermark
from datasync_spider.storage.rows import encode_rows


class Preparer:
    """Used by one thread that prepares and, for :meth:`forget`, by the ones that commit."""

    def __init__(self) -> None:
        # Single operations on a dict are atomic under the interpreter's lock: commits may shrink what prepare() grows.
        self._in_flight: dict[str, Event] = {}
        self._walk = 0
        self._last_oldest_us: int | None = None

    def prepare(self, page: EventPage) -> PreparedPage:
        """The page as rows. Call in page order."""
        events = page.parsed_events()
        rejected = page.parsed_rejected()
        rows, variants = self._unique(events)
        times = [event.occurred_at_us for event in rows]
        newest, oldest = _watermarks(rows, times)
        return PreparedPage(
            page=page,
            rows=rows,
            chunk=encode_rows(rows),
            rejected=rejected,
            duplicates=len(events) - len(rows),
            # A pipeline may also add events; then nothing was filtered.
            filtered=max(0, page.received_events - len(events) - len(rejected)),
            newest=newest,
            oldest=oldest,
            variants=variants,
            in_order=self._follows_in_order(page.walk, [event.occurred_at_us for event in events]),
        )

    def forget(self, batch: Batch) -> None:
        """The batch is committed: its ids are in the table now, where ON CONFLICT finds them."""
        for page in batch.pages:
            for row in page.rows:
                self._in_flight.pop(row.event_id, None)

    def _unique(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """The events whose ids are not in flight yet, and those that contradict one that is."""
        in_flight = self._in_flight
        by_id = {event.event_id: event for event in events}
        if len(by_id) == len(events) and in_flight.keys().isdisjoint(by_id):
            in_flight.update(by_id)
            return events, []
        rows: list[Event] = []
        variants: list[Event] = []
        for event in events:
            first = in_flight.setdefault(event.event_id, event)
            if first is event:
                rows.append(event)
            elif first.payload != event.payload:
                variants.append(event)
        return rows, variants

    def _follows_in_order(self, walk: int, times: list[int | None]) -> bool:
        if walk != self._walk:
            self._walk, self._last_oldest_us = walk, None
        known = [time for time in times if time is not None]
        follows = not known or self._last_oldest_us is None or known[0] <= self._last_oldest_us
        if known:
            self._last_oldest_us = known[-1]
        return follows and len(known) == len(times) and known == sorted(known, reverse=True)


def _watermarks(rows: list[Event], times: list[int | None]) -> tuple[Watermark | None, Watermark | None]:
    known = [time for time in times if time is not None]
    if not known:
        return None, None
    newest, oldest = max(known), min(known)
    return (
        Watermark(newest, max(row.event_id for row in rows if row.occurred_at_us == newest)),
        Watermark(oldest, min(row.event_id for row in rows if row.occurred_at_us == oldest)),
    )
