"""How a run ends: the first cause wins, and a verdict that was committed beats them all.

Pure bookkeeping. Status and reason as the table of runs spells them.
"""

from __future__ import annotations

from collections.abc import Collection

from datasync_spider.errors import (
    DatasyncError,
    FencedOff,
    FieldsDrifted,
    PageLost,
    RejectedTooMany,
    Stalled,
    StorageError,
)
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.completion import exceeds_share

# After these the position must not move, or cannot.
_WRITING_IS_OVER = (StorageError, PageLost, RejectedTooMany, FieldsDrifted, Stalled)


class Ending:
    """Collects what happened; :meth:`outcome` gives the run's status, reason and detail."""

    def __init__(self) -> None:
        self.error: DatasyncError | None = None
        self._signal_name: str | None = None
        self._closing = False
        self._abandoned = False
        self._run_status: str | None = None
        self._events = 0
        self._rejected = 0

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
        self._events += committed.events
        self._rejected += committed.rejected

    def rejected_too_many(self, max_percent: float) -> RejectedTooMany | None:
        """The error that ends the run where too large a share of its events is unusable."""
        if not exceeds_share(self._events, self._rejected, max_percent):
            return None
        return RejectedTooMany(
            f"{self._rejected:,} of {self._events:,} events were rejected, more than {max_percent:g} %:"
            " look at rejected_events, or raise REJECTED_MAX_PERCENT"
        )

    def outcome(self, missing_pages: Collection[int]) -> tuple[str, str, str | None]:
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
