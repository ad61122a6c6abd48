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
from typing import NamedTuple

from datasync_spider.api.event import Event, ParsedEvents
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.feedorder import FeedOrder, PageTimes
from datasync_spider.storage.rows import Rows


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

    def times(self, columns: ParsedEvents) -> PageTimes:
        """Of the rows, and of the variants: each of those may be what is stored in the end."""
        counts = self.picks.copy()
        for place in self.variants:
            counts[place] = True
        return PageTimes.of(list(compress(columns.event_ids, counts)), list(compress(columns.times_us, counts)))


class Preparer:
    """Used by one thread that prepares and, for :meth:`forget`, by the one that learns of commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids_in_flight: set[str] = set()
        self._rows_in_flight: dict[int, Rows] = {}
        self._variants_in_flight: dict[int, Rows] = {}
        self._order = FeedOrder()

    def prepare(self, page: EventPage) -> PreparedPage:
        """The page as rows. Call in page order."""
        columns = page.columns()
        received, rejected = len(columns.event_ids), columns.rejected
        times = PageTimes.of(columns.event_ids, columns.times_us)
        in_order = self._order.continues(page.walk, times)
        rows = Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads)
        variants: list[Event] = []
        taken = self._take(page.number, rows)
        if taken is not None:
            variants = [rows[place] for place in taken.variants]
            rows = taken.rows
            times = taken.times(columns)
        newest, oldest = times.watermarks()
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
            before = len(self._ids_in_flight)
            self._ids_in_flight.update(rows.event_ids)
            added = len(self._ids_in_flight) - before
            if added == len(rows):
                self._rows_in_flight[page_number] = rows
                return None
            event_ids = set(rows.event_ids)
            taken = _Taken.of(rows, self._encoded_in_flight(event_ids, len(event_ids) - added))
            self._rows_in_flight[page_number] = taken.rows
            if taken.variants:
                self._variants_in_flight[page_number] = Rows(
                    [rows.event_ids[place] for place in taken.variants],
                    [rows.encoded[place] for place in taken.variants],
                )
            return taken

    def _encoded_in_flight(self, event_ids: set[str], count: int) -> dict[str, bytes]:
        """What the pages in flight hold of these ids, ``count`` of which they hold.

        An id whose row is committed has its variant here.
        """
        found: dict[str, bytes] = {}
        # Pages that shift repeat what the page just before them has.
        for rows in chain(reversed(self._rows_in_flight.values()), self._variants_in_flight.values()):
            if len(found) == count:
                break
            here = event_ids.intersection(rows.event_ids)
            if here:
                encoded = dict(zip(rows.event_ids, rows.encoded, strict=True))
                found.update((event_id, encoded[event_id]) for event_id in here - found.keys())
        return found
