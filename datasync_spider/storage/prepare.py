"""Turns pages into rows, one page after the other in the run's order.

Invariant: an id that an earlier page has in flight, as a row or as a version, becomes no row of a later one. That is
what shuts out the deadlock that PostgreSQL cannot see, where batch k+1 holds a key that batch k wants while k+1 waits
for k's commit; and it is why a row may be compared with what is stored before its turn has come. Such an event counts
as a duplicate: its earlier page commits first, or the later one not at all. Where its bytes are others it is another
version, which is looked at when the batch's turn has come.
"""

from __future__ import annotations

import threading
from itertools import chain, compress
from typing import Any, NamedTuple

from datasync_spider.items import EventPage
from datasync_spider.records import compiled
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.encoded import IdsInFlight
from datasync_spider.storage.feedorder import FeedOrder, PageEnds, PageTimes
from datasync_spider.storage.pagerecords import Repetitions, page_records
from datasync_spider.storage.rows import Rows


class _Taken(NamedTuple):
    """``picks``: which of the page's rows ``rows`` has; ``versions``: the places of those that contradict another."""

    picks: list[bool]
    rows: Rows
    versions: list[int]

    @classmethod
    def of(cls, page_rows: Rows, held: dict[str, bytes]) -> _Taken:
        """``held``: the rows in flight that the page's ids met."""
        encoded = page_rows.encoded
        places: dict[str, int] = {}
        picks: list[bool] = []
        versions: list[int] = []
        for place, event_id in enumerate(page_rows.event_ids):
            first = held.get(event_id)
            earlier = places.setdefault(event_id, place) if first is None else place
            if earlier != place:
                first = encoded[earlier]
            picks.append(first is None)
            if first is not None and first != encoded[place]:
                versions.append(place)
        return cls(picks, page_rows.only(picks), versions)

    def ends(self, columns: ParsedEvents) -> PageEnds:
        """Of the rows, and of the versions: each of those may be what is stored in the end."""
        counts = self.picks.copy()
        for place in self.versions:
            counts[place] = True
        return PageTimes.of(list(compress(columns.event_ids, counts)), list(compress(columns.times_us, counts))).ends()


class Preparer:
    """Used by one thread that prepares and, for :meth:`forget`, by the one that learns of commits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Of all that the two dictionaries hold, each id as often as they hold it.
        self._ids_in_flight: Any = compiled.InFlight() if compiled.IS_COMPILED else IdsInFlight()
        self._rows_in_flight: dict[int, Rows] = {}
        self._versions_in_flight: dict[int, Rows] = {}
        self._order = FeedOrder()
        self._repetitions = Repetitions()
        # Hashes of ids: two of one hash pass for one record, so that more may be called missing, and never less.
        self._received: set[int] | None = None

    def count_repeated(self) -> None:
        """From now on each page is given what has come before: of a pass whose verdict counts what it has received."""
        self._received = set()

    def prepare(self, page: EventPage) -> PreparedPage:
        """The page as rows. Call in page order."""
        prepared = _plain(page) or _looked_at(page)
        in_order = self._order.continues(page.chain, prepared.ends)
        rows, ends = prepared.rows, prepared.ends
        records = None
        if prepared.columns is not None and prepared.rejected:
            records = page_records(prepared.columns, page.received_events)
            records = self._repetitions.measured(page.chain, records)
        else:
            self._repetitions.passed(page.chain, rows)
        versions: list[Event] = []
        taken = self._take(page.number, rows)
        if taken is not None:
            versions = [rows[place] for place in taken.versions]
            columns = prepared.columns or page.columns()
            records = records or page_records(columns, page.received_events)
            rows, ends = taken.rows, taken.ends(columns)
        received = len(prepared.rows)
        return PreparedPage(
            page=page.without_events(),
            rows=rows,
            rejected=prepared.rejected,
            duplicates=received - len(rows),
            # A pipeline may also add events; then nothing was filtered.
            filtered=max(0, page.received_events - received - len(prepared.rejected)),
            newest=ends.newest,
            oldest=ends.oldest,
            versions=versions,
            in_order=in_order,
            records=records,
            repeated=self._count_repeated(prepared),
        )

    def _count_repeated(self, prepared: _Prepared) -> int:
        received = self._received
        if received is None:
            return 0
        # Of one page, rejected records of the very same bytes are as many records.
        dead_letters = [hash(record.raw) for record in prepared.rejected]
        repeated = sum(entry in received for entry in dead_letters)
        received.update(dead_letters)
        before = len(received)
        received.update(map(hash, prepared.rows.event_ids))
        return repeated + len(prepared.rows) - (len(received) - before)

    def forget(self, batch: Batch) -> None:
        """The batch is committed: its ids are in the table now, where the writer finds them."""
        with self._lock:
            for page in batch.pages:
                for in_flight in (self._rows_in_flight, self._versions_in_flight):
                    rows = in_flight.pop(page.page.number, None)
                    if rows is not None:
                        self._ids_in_flight.remove(rows.encoded)

    def _take(self, page_number: int, rows: Rows) -> _Taken | None:
        """Takes the page's ids in flight. None where none was already and none comes twice, as nearly always."""
        with self._lock:
            if self._ids_in_flight.add(rows.encoded) == 0:
                self._rows_in_flight[page_number] = rows
                return None
            self._ids_in_flight.remove(rows.encoded)
            held = set(compress(rows.event_ids, self._ids_in_flight.held(rows.encoded)))
            taken = _Taken.of(rows, self._encoded_in_flight(held))
            self._hold(self._rows_in_flight, page_number, taken.rows)
            if taken.versions:
                versions = set(taken.versions)
                picks = [place in versions for place in range(len(rows))]
                self._hold(self._versions_in_flight, page_number, rows.only(picks))
            return taken

    def _hold(self, in_flight: dict[int, Rows], page_number: int, rows: Rows) -> None:
        in_flight[page_number] = rows
        self._ids_in_flight.add(rows.encoded)

    def _encoded_in_flight(self, event_ids: set[str]) -> dict[str, bytes]:
        """What the pages in flight hold of these ids. An id whose row is committed has its other version here."""
        found: dict[str, bytes] = {}
        # Pages that shift repeat what the page just before them has.
        for rows in chain(reversed(self._rows_in_flight.values()), self._versions_in_flight.values()):
            if len(found) == len(event_ids):
                break
            for place, event_id in enumerate(rows.event_ids):
                if event_id in event_ids and event_id not in found:
                    found[event_id] = rows.encoded[place]
        return found


class _Prepared(NamedTuple):
    """A page's rows before anything of them is left out. ``columns``: None where no one has had to look at them."""

    rows: Rows
    rejected: list[RejectedEvent]
    ends: PageEnds
    columns: ParsedEvents | None = None


def _plain(page: EventPage) -> _Prepared | None:
    """Without an object for each event, where none needs the fallback and no one has had them in hand."""
    events = page.plain_events()
    return None if events is None else _Prepared(Rows.of_plain(events), [], PageEnds.of_plain(events))


def _looked_at(page: EventPage) -> _Prepared:
    columns = page.columns()
    rows = Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads)
    return _Prepared(rows, columns.rejected, PageTimes.of(columns.event_ids, columns.times_us).ends(), columns)
