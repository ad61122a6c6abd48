"""Turns pages into rows, one page after the other in the run's order.

Invariant: an id that an earlier page has in flight, as a row or as a variant, becomes no row of a later one. That is
what shuts out the deadlock that PostgreSQL cannot see, where batch k+1 holds a key that batch k wants while k+1 waits
for k's commit; and it is why a row may be compared with what is stored before its turn has come. Such an event counts
as a duplicate: its earlier page commits first, or the later one not at all. Where its bytes are others it is a variant,
which is looked at when the batch's turn has come.
"""

from __future__ import annotations

import threading
from itertools import chain, compress
from typing import NamedTuple, TypeAlias

from datasync_spider.api.event import Event
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, PreparedPage, Watermark
from datasync_spider.storage.rows import Rows

_Times: TypeAlias = list[int | None]


class _Taken(NamedTuple):
    """``picks``: which of the page's rows ``rows`` has; ``variants``: the places of those that contradict another."""

    picks: list[bool]
    rows: Rows
    variants: list[int]

    @classmethod
    def of(cls, page_rows: Rows, held: dict[str, bytes]) -> _Taken:
        """``held``: the rows in flight that the page's ids met."""
        firsts = dict(held)
        picks: list[bool] = []
        variants: list[int] = []
        for place, (event_id, encoded) in enumerate(zip(page_rows.event_ids, page_rows.encoded, strict=True)):
            first = firsts.get(event_id)
            picks.append(first is None)
            if first is None:
                firsts[event_id] = encoded
            elif first != encoded:
                variants.append(place)
        return cls(picks, page_rows.only(picks), variants)


class Preparer:
    """Used by one thread that prepares and, for :meth:`forget`, by the one that learns of commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids_in_flight: set[str] = set()
        self._rows_in_flight: dict[int, Rows] = {}
        self._variants_in_flight: dict[int, Rows] = {}
        self._walk = 0
        self._last_oldest_us: int | None = None

    def prepare(self, page: EventPage) -> PreparedPage:
        """The page as rows. Call in page order."""
        columns = page.columns()
        in_order = self._follows_in_order(page.walk, columns.times_us)
        received, rejected = len(columns.event_ids), columns.rejected
        rows = Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads)
        times_us = columns.times_us
        variants: list[Event] = []
        taken = self._take(page.number, rows)
        if taken is not None:
            rows, times_us = taken.rows, list(compress(times_us, taken.picks))
            variants = [
                Event(columns.event_ids[place], columns.times_us[place], columns.payloads[place])
                for place in taken.variants
            ]
        newest, oldest = _watermarks(rows.event_ids, times_us)
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
        """The batch is committed: its ids are in the table now, where the writer finds them."""
        with self._lock:
            for page in batch.pages:
                self._ids_in_flight.difference_update(page.rows.event_ids)
                self._rows_in_flight.pop(page.page.number, None)
                variants = self._variants_in_flight.pop(page.page.number, None)
                if variants:
                    self._ids_in_flight.difference_update(variants.event_ids)
            # A later batch may hold another version of what this one held.
            for variants in self._variants_in_flight.values():
                self._ids_in_flight.update(variants.event_ids)

    def _take(self, page_number: int, rows: Rows) -> _Taken | None:
        """Takes the page's ids in flight. None where none was already and none comes twice, as nearly always."""
        with self._lock:
            held = self._ids_in_flight.intersection(rows.event_ids)
            grown = len(self._ids_in_flight) + len(rows)
            self._ids_in_flight.update(rows.event_ids)
            if len(self._ids_in_flight) == grown:
                self._rows_in_flight[page_number] = rows
                return None
            taken = _Taken.of(rows, self._encoded_in_flight(held))
            self._rows_in_flight[page_number] = taken.rows
            if taken.variants:
                self._variants_in_flight[page_number] = Rows(
                    [rows.event_ids[place] for place in taken.variants],
                    [rows.encoded[place] for place in taken.variants],
                )
            return taken

    def _encoded_in_flight(self, event_ids: set[str]) -> dict[str, bytes]:
        """What the pages in flight hold of these ids. An id whose row is committed has its variant here."""
        found: dict[str, bytes] = {}
        missing = set(event_ids)
        # Pages that shift repeat what the page just before them has.
        for rows in chain(reversed(self._rows_in_flight.values()), self._variants_in_flight.values()):
            if not missing:
                break
            here = missing.intersection(rows.event_ids)
            if here:
                encoded = dict(zip(rows.event_ids, rows.encoded, strict=True))
                found.update((event_id, encoded[event_id]) for event_id in here)
                missing -= here
        return found

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
