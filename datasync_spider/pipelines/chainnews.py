"""Whether a walk still brings anything new, by what was committed of it.

Pages whose events are all known say nothing by themselves: a walk over known ground has nothing else. But when a walk
has received more events than the stream accounts for in all, some of them came twice, whatever their pages look like
and in whatever order they came: the feed goes round. From then on, pages in a row that bring nothing new are counted.

Invariant: pure bookkeeping, of this run's part of the walk alone, so that a run whose stored position is answered with
the head of the feed may walk through all of it. What item pipelines filter is never held against the API: nobody keeps
those ids, so nobody can tell whether they are new.
"""

from __future__ import annotations

from datasync_spider.api.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.errors import NoNewRecords
from datasync_spider.storage.batch import Batch, Committed


class ChainNews:
    """Of one run."""

    def __init__(self) -> None:
        self._walk = 0
        self._received = 0
        self._repeated = 0
        self._unbooked = 0

    def committed(self, batch: Batch, committed: Committed) -> None:
        """The next batch. One whose commit was only read back tells too little to count, and too little to forget."""
        pages = batch.pages
        walk = pages[-1].page.walk
        if walk != self._walk:
            self._walk, self._received, self._repeated = walk, 0, 0
        self._received += (
            committed.counts.events
            if pages[0].page.walk == walk
            else sum(prepared.page.received_events for prepared in pages if prepared.page.walk == walk)
        )
        if committed.accounted is not None:
            self._count_repeated(batch, committed.last_new_page, committed.accounted + self._unbooked)

    def stored(self, rows: int, booked: int) -> None:
        """The table has more rows than the stream has booked: those of other streams, or of a database adopted."""
        self._unbooked = max(0, rows - booked)
        if self._unbooked:
            self._repeated = 0

    def standstill(self) -> NoNewRecords | None:
        """The error that ends the run where too many pages in a row were known."""
        if self._repeated <= MOST_REPEATED_PAGES:
            return None
        return NoNewRecords(
            f"no new event in the last {self._repeated:,} pages: this walk was given {self._received:,} events, more"
            " than there are, so the API serves again what it has served before"
        )

    def _count_repeated(self, batch: Batch, last_new_page: int | None, accounted: int) -> None:
        received = self._received
        repeated = 0
        for prepared in reversed(batch.pages):
            page = prepared.page
            if page.walk != self._walk or page.number == last_new_page or received <= accounted:
                self._repeated = repeated
                return
            repeated += page.received_events > prepared.counts.filtered
            received -= page.received_events
        self._repeated += repeated
