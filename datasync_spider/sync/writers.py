"""Hands batches to writing threads and waits for them.

Several threads copy side by side, each on its own connection, and commit in the order of the batches. Threads and
connections are the process's (:mod:`datasync_spider.sync.services`): a batch has both while it is written. The states
of a batch, and what a failure in each leaves behind:

waiting     an earlier batch has no connection   nothing: it holds none
connecting  waits for a connection, or for one   nothing; where it has to wait, later batches that hold one and wait
            to be opened; until BEGIN is         for their turn give way, and no later one takes one
            answered
copying     holds a connection                   what :mod:`datasync_spider.storage.writer` says; the connection is
                                                 closed, and no later batch takes one until this one has another
its turn    holds one until all earlier ones     given way (:mod:`datasync_spider.sync.turns`): rolled back, the
            are committed                        connection is there for the batch that lacks one
pausing     holds none                           nothing
committed   its connection is given back         everything

One connection is enough for all runs of a process to go on (:mod:`datasync_spider.storage.pool`). What a thread does
with one batch:

1. write it; on success it is this batch's turn that passes on
2. StorageUnavailable: another connection after a pause, by when the lost one is ended at the server's side, ask whether
   the COMMIT in doubt happened, else write again; from the second attempt on the turn is awaited first, so that a
   batch that retries never holds keys while others wait for it
3. the pause budget is used up, or any other error: this batch and all later ones are given up, the run fails

What a batch waits for earlier ones, or for a connection that others here have, is never held against its budget.
Giving up, or abandoning, wakes all that wait.

Invariant: a batch is reported committed only after its COMMIT was answered or read back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from datasync_spider.errors import StorageUnavailable
from datasync_spider.pacing.backoff import backoff_seconds
from datasync_spider.process.workers import Worker
from datasync_spider.storage.batch import Batch, Committed, Counts
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.pool import Line, Use
from datasync_spider.storage.writer import Writer
from datasync_spider.sync.turns import CommitOrder, GaveWay

if TYPE_CHECKING:
    from datasync_spider.sync.services import Services

logger = logging.getLogger(__name__)

_ORDER_TIMEOUT_SECONDS = 20.0
_PAUSE_BASE_SECONDS = 0.2
_PAUSE_MAX_SECONDS = 5.0

OnRetry = Callable[[StorageUnavailable, int, float], None]


class WriterSettings(Struct, frozen=True):
    """``retry_budget_seconds``: how long one batch may fail, the time of earlier ones not counted."""

    concurrency: int
    retry_budget_seconds: float


class _Slot:
    """One of the batches at once, and how it stands. ``batch``: None where it is free."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.batch: Batch | None = None
        self.number = 0
        self.attempt = 0
        self.held: Line | None = None
        self._began = 0.0

    def begin(self, batch: Batch) -> None:
        self.batch, self.number = batch, batch.number
        self.attempt, self.held = 0, None

    def get_thread(self) -> None:
        """What it has waited for one is not counted."""
        self._began = time.monotonic()

    @property
    def failing_seconds(self) -> float:
        """How long it has been at the batch, the waits for earlier ones not counted."""
        return time.monotonic() - self._began

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        entered = time.monotonic()
        try:
            yield
        finally:
            self._began += time.monotonic() - entered

    def release(self) -> Line | None:
        held, self.held = self.held, None
        return held


class Writers:
    """Of one run. Used from the event loop."""

    def __init__(
        self,
        services: Services,
        settings: WriterSettings,
        writer: Writer,
        spent: Callable[[], Counts],
        on_retry: OnRetry = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._spent = spent
        self._on_retry = on_retry
        self._order = CommitOrder()
        self._abandoned = threading.Event()
        self._services = services
        self._pool = services.pool
        self._slots = [_Slot(services.writer()) for _ in range(settings.concurrency)]
        self.in_flight = 0
        """How many batches are being written: the busy slots, counted, since it is asked for three times a page."""

    def has_capacity(self) -> bool:
        """Whether a batch would start at once."""
        return self.in_flight < len(self._slots)

    def write(self, batch: Batch) -> asyncio.Future[Committed]:
        """Starts writing the batch; the future is done when it is committed. Only to be called while there is room.

        The future raises the StorageError that ended it, or PredecessorFailed.
        """
        slot = next(slot for slot in self._slots if slot.batch is None)
        slot.begin(batch)
        self.in_flight += 1

        def free(_: asyncio.Future[Committed]) -> None:
            slot.batch = None
            self.in_flight -= 1

        future = slot.worker.submit(partial(self._write, slot, batch))
        future.add_done_callback(free)
        return future

    def abandon(self) -> None:
        """Ends all retrying now: what is not committed by itself within moments will not be."""
        self._abandoned.set()
        self._give_up()

    def close(self) -> None:
        """Nothing is written any more. What a thread hangs in keeps its connection from no one for long."""
        for slot in self._slots:
            if (line := slot.held) is not None:
                self._services.hang_up_later(line)

    def _give_up(self) -> None:
        self._order.fail()
        self._pool.look_again()

    # What follows runs in a slot's thread.

    def _write(self, slot: _Slot, batch: Batch) -> Committed:
        slot.get_thread()
        try:
            while True:
                slot.attempt += 1
                try:
                    committed = self._attempt(slot, batch)
                except GaveWay as error:
                    self._give_back(slot)
                    self._pause_or_raise(error, slot)
                except StorageUnavailable as error:
                    self._lose(slot)
                    self._pause_or_raise(error, slot)
                else:
                    self._give_back(slot)
                    self._order.committed(batch.number)
                    return committed
        except BaseException:
            self._give_up()
            if (line := slot.release()) is not None:
                self._pool.lose(line)
            raise

    def _attempt(self, slot: _Slot, batch: Batch) -> Committed:
        with slot.not_counted():
            if slot.attempt == 1:
                self._order.wait_to_connect(batch.number)
            else:
                # One writer at a time from now on, for this batch: whoever we were in a knot with gets out of it.
                self._order.wait(batch.number, None)
        if self._abandoned.is_set():
            raise StorageUnavailable("given up before it was begun")
        connection = self._connect(slot)
        if slot.attempt > 1:
            committed = self._writer.was_committed(connection, batch)
            if committed is not None:
                logger.info("batch %d had been committed before the connection was lost", batch.number)
                return committed
        self._order.holds(batch.number)
        return self._writer.write(connection, batch, lambda: self._wait_in_order(slot), self._spent)

    def _wait_in_order(self, slot: _Slot) -> None:
        with slot.not_counted():
            self._order.wait(slot.number, _ORDER_TIMEOUT_SECONDS)

    def _connect(self, slot: _Slot) -> Connection:
        while True:
            line = self._pool.take(
                Use.WRITING,
                wait_seconds=None,
                while_waiting=lambda: self._lacking(slot),
                is_given_up=lambda: self._abandoned.is_set() or self._order.is_void(slot.number),
            )
            slot.held = line
            try:
                # Behind a pooler only that proves that the server works for it.
                self._writer.begin(line.connection)
            except StorageUnavailable:
                if line.is_new:
                    raise
                # Nothing was under way there, so it costs no attempt.
                slot.release()
                self._pool.lose(line)
            else:
                return line.connection

    @contextmanager
    def _lacking(self, slot: _Slot) -> Iterator[None]:
        self._order.lacks(slot.number)
        with slot.not_counted():
            yield

    def _give_back(self, slot: _Slot) -> None:
        """The connection is there for the next batch that takes one, before anyone hears that this one let go."""
        line = slot.release()
        assert line is not None
        self._pool.give_back(line)
        self._order.lets_go(slot.number)

    def _lose(self, slot: _Slot) -> None:
        if (line := slot.release()) is not None:
            self._pool.lose(line)
            self._order.lets_go(slot.number)

    def _pause_or_raise(self, error: StorageUnavailable, slot: _Slot) -> None:
        pause = backoff_seconds(slot.attempt, _PAUSE_BASE_SECONDS, _PAUSE_MAX_SECONDS, 0.5)
        if self._abandoned.is_set() or slot.failing_seconds + pause > self._settings.retry_budget_seconds:
            raise error
        self._on_retry(error, slot.attempt, pause)
        if self._abandoned.wait(pause):
            raise error
