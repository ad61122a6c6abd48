"""Pages on their way from the buffer to the database: when a batch leaves, and what becomes of it.

Invariant: what was put in leaves within a second, full batch or not, as long as the run may write and a writer is free;
every batch that left is reported, committed or failed, but for those that an earlier one's failure took along.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from datasync_spider.errors import DatasyncError, PageLost
from datasync_spider.pipelines.batchsize import BatchSize
from datasync_spider.pipelines.buffer import PageBuffer
from datasync_spider.pipelines.dispatcher import Dispatcher
from datasync_spider.pipelines.turns import PredecessorFailed
from datasync_spider.storage.batch import Batch, Committed, PreparedPage

logger = logging.getLogger(__name__)

FLUSH_AFTER_SECONDS = 1.0
"""How long pages wait for a batch to get full."""


class Writing:
    """``may_write`` is asked before anything leaves.

    ``committed`` is called with each batch that is in the database, ``failed`` with what kept one out, and its cause
    where that is a bug.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        batch_size_rows: int,
        may_write: Callable[[], bool],
        committed: Callable[[Batch, Committed], None],
        failed: Callable[[DatasyncError, BaseException | None], None],
    ) -> None:
        self.buffer = PageBuffer(batch_size_rows)
        self._dispatcher = dispatcher
        self._batch_size = BatchSize(batch_size_rows)
        self._may_write = may_write
        self._committed = committed
        self._failed = failed
        self._jobs: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_abandoned = False

    @property
    def has_room(self) -> bool:
        """Whether less than one more batch waits for a writer."""
        return self._dispatcher.has_room() or self.buffer.rows < self.buffer.batch_size_rows

    @property
    def in_flight(self) -> int:
        """How many batches the writers are at."""
        return self._dispatcher.in_flight

    @property
    def jobs(self) -> set[asyncio.Task[None]]:
        """The batches that have left and are not reported."""
        return self._jobs

    def add(self, page: PreparedPage) -> None:
        """The next page."""
        self.buffer.add(page)
        self.dispatch()

    def dispatch(self, *, everything: bool = False) -> None:
        """Sends what is due, or all that there is, as far as writers are free."""
        if self._is_abandoned or not self._may_write():
            return
        while self._dispatcher.has_room() and (self.buffer.is_due() or (everything and self.buffer.pages)):
            batch = self.buffer.take()
            assert batch is not None
            job = asyncio.ensure_future(self._await(batch, self._dispatcher.write(batch)))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        if self.buffer.pages and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_SECONDS, self._flush_after_a_while)

    def abandon(self) -> None:
        """Nothing leaves any more, and what is not committed by itself within moments will not be."""
        self._is_abandoned = True
        self._dispatcher.abandon()

    async def close(self, timeout_seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._dispatcher.close(timeout_seconds)

    def _flush_after_a_while(self) -> None:
        self._timer = None
        self.dispatch(everything=True)

    async def _await(self, batch: Batch, writing: asyncio.Future[Committed]) -> None:
        try:
            committed = await writing
        except PredecessorFailed:
            return
        except DatasyncError as error:
            self._failed(error, None)
        except Exception as error:  # noqa: BLE001 - a bug must end the run as failed, not be forgiven
            self._failed(PageLost(f"writing failed: {type(error).__name__}: {error}"), error)
        else:
            self._fit_batches(batch, committed)
            self._committed(batch, committed)

    def _fit_batches(self, batch: Batch, committed: Committed) -> None:
        if self._batch_size.written(batch.rows, committed.write_seconds):
            self.buffer.batch_size_rows = self._batch_size.rows
            logger.debug("batches have up to %d rows from now on", self._batch_size.rows)
