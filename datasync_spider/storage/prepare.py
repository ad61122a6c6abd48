"""Turns pages into rows, one page after the other in the run's order.

Invariant: an id that an earlier page has in flight, as a row or as a version, becomes no row of a later one. That is
what shuts out the deadlock that PostgreSQL cannot see, where batch k+1 holds a key that batch k wants while k+1 waits
for k's commit; and it is why a row may be compared with what is stored before its turn has come. Such an event counts
as a duplicate: its earlier page commits first, or the later one not at all. Where its bytes are others it is another
version, which is looked at when the batch's turn has come.
"""

from __future__ import annotations

import hashlib
import threading
from itertools import chain, compress
from typing import Any, NamedTuple

from datasync_spider.items import EventPage
from datasync_spider.records import compiled
from datasync_spider.records.event import Event, ParsedEvents, RejectedEvent
from datasync_spider.storage.batch import Batch, Counts, PreparedPage
from datasync_spider.storage.encoded import IdsInFlight
from datasync_spider.storage.feedorder import Ends, PageTimes
from datasync_spider.storage.pagerecords import PageRecords, RejectedRecord, page_records
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

    def ends(self, columns: ParsedEvents) -> Ends:
        """Of the rows, and of the versions: each of those may be what is stored in the end."""
        counts = self.picks.copy()
        for place in self.versions:
            counts[place] = True
        return PageTimes.of(list(compress(columns.event_ids, counts)), list(compress(columns.times_us, counts))).ends()


class FeedOrder:
    """Remembers where the page before ended."""

    def __init__(self) -> None:
        self._chain = 0
        self._last_oldest_us: int | None = None

    def continues(self, chain: int, ends: Ends) -> bool:
        """Whether times never rise, neither within the page nor from the page before it in the same chain."""
        never_rise, first, last, *_ = ends
        if chain != self._chain:
            self._chain, self._last_oldest_us = chain, None
        before_us = self._last_oldest_us
        if last is not None:
            self._last_oldest_us = last[0]
        return never_rise and (before_us is None or first is None or first[0] <= before_us)


class Repetitions:
    """What a run's chain has met, as far as it matters for pages with records that have no id."""

    def __init__(self) -> None:
        self._chain = 0
        self._last: Rows | list[Any] = []
        self._met: set[bytes] = set()

    def measured(self, chain: int, page: PageRecords) -> PageRecords:
        """The page with ``repeated``. Call in page order, and :meth:`passed` for a page that is not given here.

        A page that shifts begins with the end of the page before it; an API that ignores cursors serves whole pages
        again, in turns perhaps.
        """
        self._begin(chain)
        # What a repetition of each has as well.
        keys = [record if isinstance(record, str) else record.rejected.raw for record in page.records]
        first_id = next((place for place, record in enumerate(page.records) if _has_id(record)), None)
        repeated = 0
        if first_id is not None:
            fingerprint = _fingerprint(keys)
            if fingerprint in self._met:
                repeated = len(keys)
            elif page.in_order:
                last = self._last.event_ids if isinstance(self._last, Rows) else self._last
                repeated = _overlap(last, keys, first_id)
            self._met.add(fingerprint)
        self._last = keys if page.in_order else []
        return page._replace(repeated=repeated)

    def passed(self, chain: int, rows: Rows) -> None:
        """A page whose records are all usable."""
        self._begin(chain)
        self._last = rows

    def _begin(self, chain: int) -> None:
        if chain != self._chain:
            self._chain = chain
            self._last = []
            self._met = set()


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
        columns, rejected = None, []
        events = page.plain_events()
        if events is not None:
            # Without an object for each event, where none needs the fallback and no one has had them in hand.
            page_rows, ends = Rows.of_plain(events), events.ends()
        else:
            columns = page.columns()
            rejected = columns.rejected
            page_rows = Rows.of_columns(columns.event_ids, columns.times_us, columns.payloads)
            ends = PageTimes.of(columns.event_ids, columns.times_us).ends()
        in_order = self._order.continues(page.chain, ends)
        records = None
        if columns is not None and rejected:
            records = self._repetitions.measured(page.chain, page_records(columns, page.received_events))
        else:
            self._repetitions.passed(page.chain, page_rows)
        rows = page_rows
        versions: list[Event] = []
        taken = self._take(page.number, page_rows)
        if taken is not None:
            rows = taken.rows
            versions = [page_rows[place] for place in taken.versions]
            columns = columns or page.columns()
            records = records or page_records(columns, page.received_events)
            ends = taken.ends(columns)
        counts = Counts(
            pages=1,
            events=page.received_events,
            inserted=len(rows),
            duplicates=len(page_rows) - len(rows),
            rejected=len(rejected),
            # A pipeline may also add events; then nothing was filtered.
            filtered=max(0, page.received_events - len(page_rows) - len(rejected)),
            body_bytes=page.body_bytes,
        )
        *_, newest, oldest = ends
        return PreparedPage(
            page=page.without_events(),
            rows=rows,
            rejected=rejected,
            counts=counts,
            newest=newest,
            oldest=oldest,
            versions=versions,
            in_order=in_order,
            records=records,
            repeated=0 if self._received is None else _count_repeated(self._received, page_rows, rejected),
        )

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


def _has_id(record: str | RejectedRecord) -> bool:
    return isinstance(record, str) or record.event_id is not None


def _overlap(last: list[Any], keys: list[Any], first_id: int) -> int:
    """So many of the first are the last ones of the page before, the first one with an id among them; else 0."""
    if keys[first_id] not in last:
        return 0
    length = len(last) - last.index(keys[first_id]) + first_id
    return length if last[-length:] == keys[:length] else 0


def _fingerprint(keys: list[Any]) -> bytes:
    hasher = hashlib.sha256()
    for key in keys:
        data = key.encode() if isinstance(key, str) else key
        hasher.update(b"%d %d:" % (isinstance(key, str), len(data)))
        hasher.update(data)
    return hasher.digest()


def _count_repeated(received: set[int], rows: Rows, rejected: list[RejectedEvent]) -> int:
    """How many of a page's records are among those received before, by their hashes; takes them in."""
    # Of one page, rejected records of the very same bytes are as many records.
    dead_letters = [hash(record.raw) for record in rejected]
    repeated = sum(entry in received for entry in dead_letters)
    received.update(dead_letters)
    before = len(received)
    received.update(map(hash, rows.event_ids))
    return repeated + len(rows) - (len(received) - before)
