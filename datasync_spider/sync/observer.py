"""What is reported of a sync while it goes on, to whoever shows or counts it.

Invariant: an observer decides nothing; it is called on the event loop, and a call returns at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datasync_spider.errors import StorageUnavailable
    from datasync_spider.items import EventPage
    from datasync_spider.storage.batch import Batch, Committed
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.writing import PageBuffer


class Observer(Protocol):
    """Of one sync."""

    def run_opened(self, run: OpenRun) -> None:
        """Where the sync starts is known."""
        ...

    def run_failing(self, reason: str) -> None:
        """Nothing new is to be asked for, and the run's end will be recorded."""
        ...

    def page_fetched(self, page: EventPage, cursor_seconds: float | None) -> None:
        """``cursor_seconds``: how long its next cursor is good for, where the API says so."""
        ...

    def chain_restarted(self, number: int) -> None:
        """A new chain of this number begins, be it at the head."""
        ...

    def buffer_changed(self, buffer: PageBuffer, writing_batches: int) -> None:
        """Pages came to wait for a writer, or went."""
        ...

    def batch_committed(self, batch: Batch, committed: Committed) -> None:
        """It is in the database."""
        ...

    def writer_retrying(self, error: StorageUnavailable, attempt: int, delay_seconds: float) -> None:
        """A batch is tried again after this pause."""
        ...
