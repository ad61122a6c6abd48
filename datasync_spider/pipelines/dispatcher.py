"""Hands batches to writing threads and waits for them.

Several threads copy side by side, each on its own connection, and commit in the order of the batches. What a thread
does with one batch:

1. write it; on success it is this batch's turn that passes on
2. StorageUnavailable: a fresh connection after a pause, end the lost one at the server's side, ask whether the COMMIT
   in doubt happened, else write again; from the second attempt on the turn is awaited first, so that a batch that
   retries never holds keys while others wait for it, and that waiting is not held against the batch
3. the pause budget is used up, or any other error: this batch and all later ones are given up, the run fails

Invariant: a batch is reported committed only after its COMMIT was answered or read back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from datasync_spider.errors import StorageUnavailable
from datasync_spider.pacing.backoff import backoff_seconds
from datasync_spider.pipelines.turns import Turns
from datasync_spider.storage.backends import end_lost_backends
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.checkpoint import RunTotals
from datasync_spider.storage.connect import Connection, close_quietly, connect
from datasync_spider.storage.writer import Writer
from datasync_spider.workers import Worker

logger = logging.getLogger(__name__)

_TURN_TIMEOUT_SECONDS = 20.0
_PAUSE_BASE_SECONDS = 0.2
_PAUSE_MAX_SECONDS = 5.0

OnRetry = Callable[[StorageUnavailable, int, float], None]


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """``retry_budget_seconds``: how long one batch may fail, the time of earlier ones not counted."""

    database_url: str
    concurrency: int
    retry_budget_seconds: float


class _Lane:
    """One writing thread with its connection."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker = Worker(f"datasync-writer-{index}")
        self.connection: Connection | None = None
        self.busy = False


class Dispatcher:
    """Used from the event loop; the threads are its own."""

    def __init__(
        self,
        settings: WriterSettings,
        writer: Writer,
        totals: Callable[[], RunTotals],
        on_retry: OnRetry = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._totals = totals
        self._on_retry = on_retry
        self._turns = Turns()
        self._abandoned = threading.Event()
        self._lanes = [_Lane(index) for index in range(1, settings.concurrency + 1)]
        self.in_flight = 0
        """How many batches are being written: the busy lanes, counted, since it is asked for three times a page."""

    def has_room(self) -> bool:
        """Whether a batch would start at once."""
        return self.in_flight < len(self._lanes)

    def write(self, batch: Batch) -> asyncio.Future[Committed]:
        """Starts writing the batch; the future is done when it is committed. Only to be called while there is room.

        The future raises the StorageError that ended it, or PredecessorFailed.
        """
        lane = next(lane for lane in self._lanes if not lane.busy)
        lane.busy = True
        self.in_flight += 1

        def free(_: asyncio.Future[Committed]) -> None:
            lane.busy = False
            self.in_flight -= 1

        future = lane.worker.submit(lambda: self._write(lane, batch))
        future.add_done_callback(free)
        return future

    def abandon(self) -> None:
        """Ends all retrying now: what is not committed by itself within moments will not be."""
        self._abandoned.set()
        self._turns.fail()

    async def close(self, timeout_seconds: float) -> None:
        """Closes idle connections; a thread that hangs is left to die with the process."""
        closing: list[asyncio.Future[None]] = []
        for lane in self._lanes:
            if lane.connection is not None and not lane.busy:
                closing.append(lane.worker.submit(partial(close_quietly, lane.connection)))
            lane.worker.close()
        if closing:
            await asyncio.wait(closing, timeout=timeout_seconds)

    # What follows runs in the lane's thread.

    def _write(self, lane: _Lane, batch: Batch) -> Committed:
        started = time.monotonic()
        attempt = 0
        try:
            while True:
                attempt += 1
                if attempt > 1:
                    # One writer at a time from now on, for this batch: whoever we were in a knot with gets out of it.
                    started += self._wait_for_turn(batch)
                try:
                    committed = self._attempt(lane, batch, attempt)
                except StorageUnavailable as error:
                    close_quietly(lane.connection)
                    lane.connection = None
                    self._pause_or_raise(error, attempt, started)
                else:
                    self._turns.committed(batch.number)
                    return committed
        except BaseException:
            self._turns.fail()
            close_quietly(lane.connection)
            lane.connection = None
            raise

    def _attempt(self, lane: _Lane, batch: Batch, attempt: int) -> Committed:
        label = self._writer.label(lane.index)
        if lane.connection is None:
            lane.connection = connect(self._settings.database_url, label=label)
        if attempt > 1:
            end_lost_backends(lane.connection, label)
            committed = self._writer.was_committed(lane.connection, batch)
            if committed is not None:
                logger.info("batch %d had been committed before the connection was lost", batch.number)
                return committed
        timeout = _TURN_TIMEOUT_SECONDS if attempt == 1 else None
        return self._writer.write(lane.connection, batch, lambda: self._turns.wait(batch.number, timeout), self._totals)

    def _wait_for_turn(self, batch: Batch) -> float:
        """Gives the seconds that it took."""
        started = time.monotonic()
        self._turns.wait(batch.number, None)
        return time.monotonic() - started

    def _pause_or_raise(self, error: StorageUnavailable, attempt: int, started: float) -> None:
        pause = backoff_seconds(attempt, _PAUSE_BASE_SECONDS, _PAUSE_MAX_SECONDS, 0.5)
        if self._abandoned.is_set() or time.monotonic() - started + pause > self._settings.retry_budget_seconds:
            raise error
        self._on_retry(error, attempt, pause)
        if self._abandoned.wait(pause):
            raise error
