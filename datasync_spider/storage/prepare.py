"""Turns pages into rows, one page after the other in the run's order.

Invariant: two pages that are being written at the same time never hold the same id. That is what shuts out the deadlock
that PostgreSQL cannot see, where batch k+1 holds a key that batch k wants while k+1 waits for k's commit. An id that is
in flight already counts as a duplicate: its earlier page commits first, or the later one not at all.
"""

from __future__ import annotations

import threading
from itertools import chain
from typing import TypeAlias

from datasync_spider.api.event import Event, ParsedEvents
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, PreparedPage, Watermark
from datasync_spider.storage.rows import Rows

_Times: TypeAlias = list[int | None]


class Preparer:
    """Used by one thread that prepares and, for :meth:`forget`, by the one that learns of commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids_in_flight: set[str] = set()
        self._rows_in_flight: dict[int, Rows] = {}
        self._walk = 0
        self._last_oldest_us: int | None = None

    def prepare(self, page: EventPage) -> PreparedPage:
        """The page as rows. Call in page order."""
        columns = page.columns()
        in_order = self._follows_in_order(page.walk, columns.times_us)
        received, rejected = len(columns.event_ids), columns.rejected
        if self._take(columns.event_ids):
            variants: list[Event] = []
        else:
            columns, variants = self._unique(columns)
            self._take(columns.event_ids)
        rows = Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads)
        self._rows_in_flight[page.number] = rows
        newest, oldest = _watermarks(columns.event_ids, columns.times_us)
        return PreparedPage(
            page=page.without_events(),
            rows=rows,
            rejected=rejected,
            duplicates=received - len(rows),
            # A pipeline may also add events; then nothing was filtered.
            filtered=max(0, page.received_events - received - len(rejected)),
            newest=newest,
            oldest=oldest,
            variants=variants,
            in_order=in_order,
        )

    def forget(self, batch: Batch) -> None:
        """The batch is committed: its ids are in the table now, where ON CONFLICT finds them."""
        with self._lock:
            for page in batch.pages:
                self._ids_in_flight.difference_update(page.rows.event_ids)
                self._rows_in_flight.pop(page.page.number, None)

    def _take(self, event_ids: list[str]) -> bool:
        """Takes the ids in flight if none is already and none comes twice, else nothing. One step for all of them."""
        with self._lock:
            grown = len(self._ids_in_flight) + len(event_ids)
            self._ids_in_flight.update(event_ids)
            if len(self._ids_in_flight) == grown:
                return True
            taken = (rows.event_ids for rows in self._rows_in_flight.values())
            self._ids_in_flight = set(chain.from_iterable(taken))
            return False

    def _unique(self, columns: ParsedEvents) -> tuple[ParsedEvents, list[Event]]:
        """The events whose ids are not in flight yet, and those that contradict one that is."""
        with self._lock:
            firsts = self._payloads_in_flight(self._ids_in_flight.intersection(columns.event_ids))
        unique = ParsedEvents([], [], [], columns.rejected)
        variants: list[Event] = []
        for event_id, time_us, payload in zip(columns.event_ids, columns.times_us, columns.payloads, strict=True):
            first = firsts.get(event_id)
            if first is None:
                firsts[event_id] = payload
                unique.event_ids.append(event_id)
                unique.times_us.append(time_us)
                unique.payloads.append(payload)
            elif first != payload:
                variants.append(Event(event_id, time_us, payload))
        return unique, variants

    def _payloads_in_flight(self, event_ids: set[str]) -> dict[str, bytes]:
        return {
            event_id: rows[place].payload
            for rows in self._rows_in_flight.values()
            if not event_ids.isdisjoint(rows.event_ids)
            for place, event_id in enumerate(rows.event_ids)
            if event_id in event_ids
        }

    def _follows_in_order(self, walk: int, times_us: _Times) -> bool:
        if walk != self._walk:
            self._walk, self._last_oldest_us = walk, None
        known = _known(times_us)
        follows = not known or self._last_oldest_us is None or known[0] <= self._last_oldest_us
        if known:
            self._last_oldest_us = known[-1]
        return follows and len(known) == len(times_us) and known == sorted(known, reverse=True)


def _known(times_us: _Times) -> list[int]:
    if None in times_us:
        return [time_us for time_us in times_us if time_us is not None]
    return times_us  # type: ignore[return-value] # no None in it


def _watermarks(event_ids: list[str], times_us: _Times) -> tuple[Watermark | None, Watermark | None]:
    known = _known(times_us)
    if not known:
        return None, None
    newest, oldest = max(known), min(known)
    return (
        Watermark(newest, max(_ids_at(newest, event_ids, times_us))),
        Watermark(oldest, min(_ids_at(oldest, event_ids, times_us))),
    )


def _ids_at(time_us: int, event_ids: list[str], times_us: _Times) -> list[str]:
    if times_us.count(time_us) == 1:
        return [event_ids[times_us.index(time_us)]]
    return [event_id for event_id, time in zip(event_ids, times_us, strict=True) if time == time_us]
