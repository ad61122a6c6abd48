"""Hands batches to writing threads and waits for them.

Several threads copy side by side, each on its own connection, and commit in the order of the batches. Connections
belong to the run and not to a thread: one that a batch has done with is idle until the next batch takes it. The states
of a batch, and what a failure in each leaves behind:

waiting     an earlier batch has no connection   nothing: it holds none
connecting  takes an idle connection, or opens   nothing; where it is refused one, later batches that hold one and wait
            one; until BEGIN is answered         for their turn give way, no later one begins, and it waits for its own
                                                 turn, where an earlier batch leaves a connection
copying     holds a connection                   what :mod:`datasync_spider.storage.writer` says; the connection is
                                                 closed, and no later batch takes one until this one has another
its turn    holds one until all earlier ones     given way (:mod:`datasync_spider.sync.commitorder`): rolled back, the
            are committed                        connection is idle, for the batch that lacks one
pausing     holds none                           nothing
committed   its connection is idle               everything

So the batch whose turn it is lacks a connection only where the server has none for this run at all, and one connection
is enough for a run to go on. What a thread does with one batch:

1. write it; on success it is this batch's turn that passes on
2. StorageUnavailable: another connection after a pause, end the lost one at the server's side, ask whether the COMMIT
   in doubt happened, else write again; from the second attempt on the turn is awaited first, so that a batch that
   retries never holds keys while others wait for it
3. the pause budget is used up, or any other error: this batch and all later ones are given up, the run fails

What a batch waits for earlier ones is never held against its budget. Giving up, or abandoning, wakes all that wait.

Invariant: a batch is reported committed only after its COMMIT was answered or read back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count

from msgspec import Struct

from datasync_spider.errors import StorageUnavailable
from datasync_spider.pacing.backoff import backoff_seconds
from datasync_spider.process.workers import Worker
from datasync_spider.storage.backends import end_lost_backends
from datasync_spider.storage.batch import Batch, Committed, Counts
from datasync_spider.storage.connection import Connection, begin, close_quietly, connect, roll_back
from datasync_spider.storage.writer import Writer
from datasync_spider.sync.commitorder import CommitOrder, GaveWay

logger = logging.getLogger(__name__)

_ORDER_TIMEOUT_SECONDS = 20.0
_PAUSE_BASE_SECONDS = 0.2
_PAUSE_MAX_SECONDS = 5.0

OnRetry = Callable[[StorageUnavailable, int, float], None]


class WriterSettings(Struct, frozen=True):
    """``retry_budget_seconds``: how long one batch may fail, the time of earlier ones not counted."""

    database_url: str
    concurrency: int
    retry_budget_seconds: float


class _Named(Struct, frozen=True):
    """A connection, and the name under which the server lists it. No two of a run share a name."""

    label: str
    connection: Connection


class _Slot:
    """One writing thread, and how it stands with the batch that it has. ``batch``: None where it is free.

    ``lost``: names of connections which may live on at the server alone.
    """

    def __init__(self, index: int) -> None:
        self.worker = Worker(f"datasync-writer-{index}")
        self.batch: Batch | None = None
        self.number = 0
        self.attempt = 0
        self.held: _Named | None = None
        self.lost: list[str] = []
        self._started = 0.0

    def begin(self, batch: Batch) -> None:
        self.batch, self.number = batch, batch.number
        self.attempt, self.held, self.lost = 0, None, []
        self._started = time.monotonic()

    @property
    def failing_seconds(self) -> float:
        """How long it has been at the batch, the waits for earlier ones not counted."""
        return time.monotonic() - self._started

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._started += time.monotonic() - began

    def release(self) -> _Named | None:
        held, self.held = self.held, None
        return held


class Writers:
    """Used from the event loop; the threads are its own."""

    def __init__(
        self,
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
        self._idle: list[_Named] = []
        self._names = count(1)
        self._said_refused = False
        self._slots = [_Slot(index) for index in range(1, settings.concurrency + 1)]
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
        self._order.fail()

    async def close(self, timeout_seconds: float) -> None:
        """Closes idle connections; a thread that hangs is left to die with the process."""
        closing: list[asyncio.Future[None]] = []
        worker = next((slot.worker for slot in self._slots if slot.batch is None), None)
        while worker is not None and (line := self._take_idle()) is not None:
            closing.append(worker.submit(partial(close_quietly, line.connection)))
        for slot in self._slots:
            slot.worker.close()
        if closing:
            await asyncio.wait(closing, timeout=timeout_seconds)

    # What follows runs in a slot's thread.

    def _write(self, slot: _Slot, batch: Batch) -> Committed:
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
            self._order.fail()
            if (line := slot.release()) is not None:
                close_quietly(line.connection)
            raise

    def _attempt(self, slot: _Slot, batch: Batch) -> Committed:
        with slot.not_counted():
            if slot.attempt == 1:
                self._order.wait_to_connect(batch.number)
            else:
                # One writer at a time from now on, for this batch: whoever we were in a knot with gets out of it.
                self._order.wait(batch.number, None)
        connection = self._connect(slot)
        if slot.attempt > 1:
            for label in slot.lost:
                end_lost_backends(connection, label)
            committed = self._writer.was_committed(connection, batch)
            slot.lost.clear()
            if committed is not None:
                logger.info("batch %d had been committed before the connection was lost", batch.number)
                return committed
        begin(connection)
        self._order.holds(batch.number)
        return self._writer.write(connection, batch, lambda: self._wait_in_order(slot), self._spent)

    def _wait_in_order(self, slot: _Slot) -> None:
        with slot.not_counted():
            self._order.wait(slot.number, _ORDER_TIMEOUT_SECONDS)

    def _connect(self, slot: _Slot) -> Connection:
        number = slot.number
        while slot.held is None:
            slot.held = self._take_idle()
            if slot.held is not None:
                self._part_if_ended(slot, slot.held)
            else:
                try:
                    slot.held = self._open()
                except StorageUnavailable as error:
                    self._order.lacks(number)
                    if self._order.has_come(number):
                        raise
                    # Earlier batches hold what there is, and the last of them leaves its own.
                    self._say_that_one_is_refused(error)
                    with slot.not_counted():
                        self._order.wait(number, None)
        return slot.held.connection

    def _part_if_ended(self, slot: _Slot, idle: _Named) -> None:
        """A server may end what is idle (idle_session_timeout). Nothing was under way there, so it costs no attempt."""
        try:
            begin(idle.connection)
        except StorageUnavailable:
            slot.held = None
            close_quietly(idle.connection)

    def _open(self) -> _Named:
        label = self._writer.label(next(self._names))
        return _Named(label, connect(self._settings.database_url, label=label))

    def _say_that_one_is_refused(self, error: StorageUnavailable) -> None:
        """Once a run: nothing has failed, and it would come with nearly every batch."""
        if not self._said_refused:
            self._said_refused = True
            logger.warning("a writer is refused a connection, and waits for one of an earlier batch: %s", error)

    def _take_idle(self) -> _Named | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _give_back(self, slot: _Slot) -> None:
        """The connection is there for the next batch that takes one, before anybody hears that this one let go."""
        line = slot.release()
        assert line is not None
        if roll_back(line.connection):
            self._idle.append(line)
        self._order.lets_go(slot.number)

    def _lose(self, slot: _Slot) -> None:
        line = slot.release()
        if line is None:
            return
        slot.lost.append(line.label)
        is_broken = line.connection.closed
        close_quietly(line.connection)
        # What has broken one connection may have broken the idle ones, which would be found out one attempt at a time.
        while is_broken and (idle := self._take_idle()) is not None:
            close_quietly(idle.connection)
        self._order.lets_go(slot.number)

    def _pause_or_raise(self, error: StorageUnavailable, slot: _Slot) -> None:
        pause = backoff_seconds(slot.attempt, _PAUSE_BASE_SECONDS, _PAUSE_MAX_SECONDS, 0.5)
        if self._abandoned.is_set() or slot.failing_seconds + pause > self._settings.retry_budget_seconds:
            raise error
        self._on_retry(error, slot.attempt, pause)
        if self._abandoned.wait(pause):
            raise error
