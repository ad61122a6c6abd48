"""How a run ends, and whether its pages are reason enough to end it. Pure bookkeeping.

Invariant: the first cause wins, and a verdict that was committed beats them all. Status and reason are spelled as the
table of runs spells them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from datasync_spider.errors import (
    DatasyncError,
    FencedOff,
    FieldsDrifted,
    NoNewRecords,
    PageLost,
    RejectedTooMany,
    Stalled,
    StorageError,
)
from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.batch import Batch, Committed, Counts
from datasync_spider.storage.completion import exceeds_share

# After these the position must not move, or cannot.
_WRITING_IS_OVER = (StorageError, PageLost, RejectedTooMany, FieldsDrifted, Stalled)


Ended: TypeAlias = tuple[str, str, str | None]
"""Status, reason and detail of a run."""


class Outcome:
    """Collects what happened; :meth:`ended` gives the run's status, reason and detail."""

    def __init__(self) -> None:
        self.error: DatasyncError | None = None
        self._signal_name: str | None = None
        self._closing = False
        self._abandoned = False
        self._run_status: str | None = None
        self._counts = Counts()

    @property
    def is_final(self) -> bool:
        """Whether no more room needs to be waited for: nothing new is fetched, or the run has failed."""
        return self._closing or self._signal_name is not None or self.error is not None

    @property
    def may_write(self) -> bool:
        """Whether what is fetched may still be committed: a failure to fetch leaves good pages behind it."""
        return self.error is None or not isinstance(self.error, _WRITING_IS_OVER)

    def fail(self, error: DatasyncError) -> bool:
        """Notes a failure; gives whether it counts: the first does, and none after the last commits were abandoned."""
        if self.error is not None or self._abandoned:
            return False
        self.error = error
        return True

    def stop(self, signal_name: str) -> None:
        self._signal_name = self._signal_name or signal_name

    def close(self) -> None:
        self._closing = True

    def abandoned(self) -> None:
        """The time for the last commits ran out."""
        self._abandoned = True

    def committed(self, committed: Committed) -> None:
        self._run_status = committed.run_status or self._run_status
        self._counts += committed.counts

    def completed(self) -> None:
        """The pass is complete without a page."""
        self._run_status = "complete"

    def rejected_too_many(self, max_percent: float) -> RejectedTooMany | None:
        """The error that ends the run where too large a share of its events is rejected."""
        events, rejected = self._counts.events, self._counts.rejected
        if not rejected or not exceeds_share(events, rejected, max_percent):
            return None
        return RejectedTooMany(
            f"{rejected:,} of {events:,} events were rejected, more than {max_percent:g} %:"
            " look at rejected_events, or raise REJECTED_MAX_PERCENT"
        )

    def ended(self, missing_pages: Collection[int]) -> Ended:
        """Status, reason and detail for the run's row. ``missing_pages``: pages that wait for an earlier one."""
        if isinstance(self.error, FencedOff):
            return "fenced", self.error.reason, str(self.error)
        if self.error is not None:
            return "failed", getattr(self.error, "reason", "failed"), str(self.error)
        if self._run_status is not None:
            return self._run_status, "last_page", None
        if self._signal_name is not None:
            detail = "what was not yet committed will be fetched again" if self._abandoned else None
            return "stopped", self._signal_name, detail
        if missing_pages:
            return "failed", "page_lost", f"pages from {min(missing_pages)} on wait for one that never came"
        return "failed", "ended_early", "the crawl ended before the feed did"


class ChainNews:
    """Whether a run's chain still brings anything new, by what was committed of it.

    Pages whose records are all known say nothing by themselves: a chain over known ground has nothing else. But when a
    chain has received more records than the stream accounts for in all, some of them came twice, whatever their pages
    look like and in whatever order they came: the feed goes round. From then on, pages in a row that bring nothing new
    are counted.

    Invariant: it is of this run's part of the chain alone, so that a run whose stored position is answered with the
    head of the feed may go through all of it. What item pipelines filter is never held against the API: those ids
    are not kept, so it is not known whether they are new.
    """

    def __init__(self) -> None:
        self._chain = 0
        self._received = 0
        self._repeated = 0
        self._unrecorded = 0

    def committed(self, batch: Batch, committed: Committed) -> None:
        """The next batch. One whose commit was only read back says too little to count, and too little to forget."""
        pages = batch.pages
        chain = pages[-1].page.chain
        if chain != self._chain:
            self._chain, self._received, self._repeated = chain, 0, 0
        self._received += (
            committed.counts.events
            if pages[0].page.chain == chain
            else sum(prepared.page.received_events for prepared in pages if prepared.page.chain == chain)
        )
        if committed.accounted is not None:
            self._count_repeated(batch, committed.last_new_page, committed.accounted + self._unrecorded)

    def stored(self, rows: int, recorded: int) -> None:
        """The table has more rows than the stream has recorded: those of other streams, or of a database adopted."""
        self._unrecorded = max(0, rows - recorded)
        if self._unrecorded:
            self._repeated = 0

    def standstill(self) -> NoNewRecords | None:
        """The error that ends the run where too many pages in a row were known."""
        if self._repeated <= MOST_REPEATED_PAGES:
            return None
        return NoNewRecords(
            f"no new event in the last {self._repeated:,} pages: this chain was given {self._received:,} events, more"
            " than there are, so the API serves again what it has served before"
        )

    def _count_repeated(self, batch: Batch, last_new_page: int | None, accounted: int) -> None:
        received = self._received
        repeated = 0
        for prepared in reversed(batch.pages):
            page = prepared.page
            if page.chain != self._chain or page.number == last_new_page or received <= accounted:
                self._repeated = repeated
                return
            repeated += page.received_events > prepared.counts.filtered
            received -= page.received_events
        self._repeated += repeated
