"""Keeps the leases of all of a process's runs, and reports to each what becomes of its own.

A third of a lease's life after the last time it is renewed, with all others that are due soon, by one statement. With
it comes what other runs have heard from the API for the same credential. What another transaction keeps from being
renewed is tried again soon, by itself.

Invariant: a run whose lease is taken is said to be fenced off, once, and no other is. A database that does not answer
is no reason to end a run: the writer rides that out or fails, and the fence keeps the data safe meanwhile. One whose
connection hangs keeps the leases of others no longer than one lives.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING

from datasync_spider.errors import FencedOff, StorageError, StorageUnavailable
from datasync_spider.process.workers import Worker
from datasync_spider.storage.leases import Beat, Renewed, renew_leases
from datasync_spider.storage.pool import Line, Pool, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from datasync_spider.pacing.askedwaits import Closed
    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)

_BEATS_A_LEASE = 3
_AGAIN_SECONDS = 1.0


class Pulse:
    """A run's. ``spent`` gives its retries and what it has waited in ms.

    ``learned`` is given the waits that there are, and for how many seconds at most they have been on their way. What
    is called is called as its maker would: its log lines are about the same.
    """

    def __init__(
        self,
        run: OpenRun,
        spent: Callable[[], tuple[int, int]],
        fenced_off: Callable[[FencedOff], None],
        learned: Callable[[Closed, float], None],
    ) -> None:
        self.run = run
        self.spent = spent
        self.interval_seconds = run.lease_ttl_ms / 1000 / _BEATS_A_LEASE
        self.due_at = 0.0
        self._fenced_off = fenced_off
        self._learned = learned
        self._context = contextvars.copy_context()

    def fenced_off(self) -> None:
        self._context.run(self._fenced_off, FencedOff(f"stream {self.run.slice} has been taken over by another run"))

    def learned(self, closed: Closed, age_seconds: float) -> None:
        self._context.run(self._learned, closed, age_seconds)


class Heart:
    """Of a process. Used from its event loop."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        # One that nothing else keeps busy.
        self._worker = Worker("datasync-heartbeat")
        self._pulses: dict[int, Pulse] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._is_failing = False

    def begin(self, pulse: Pulse) -> None:
        pulse.due_at = asyncio.get_running_loop().time() + pulse.interval_seconds
        self._pulses[pulse.run.run_id] = pulse
        self._set_timer()

    def end(self, run: OpenRun) -> None:
        self._pulses.pop(run.run_id, None)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pulses and self._beating is None:
            due_at = min(pulse.due_at for pulse in self._pulses.values())
            # In a context of no run.
            self._timer = asyncio.get_running_loop().call_at(due_at, self._begin_beat, context=contextvars.Context())

    def _begin_beat(self) -> None:
        self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = [pulse for pulse in self._pulses.values() if pulse.due_at <= now + pulse.interval_seconds / 2]
        try:
            renewed = await self._renewed([Beat(pulse.run, *pulse.spent()) for pulse in due])
            self._is_failing = False
        except StorageError as error:
            if not self._is_failing:
                logger.warning("leases could not be renewed (%d), and are tried again: %s", len(due), error)
            self._is_failing, renewed = True, {}
        finally:
            for pulse in due:
                # What was lost at the server may hold a slice's row, until the next beat ends it.
                pulse.due_at = loop.time() + min(pulse.interval_seconds, _AGAIN_SECONDS)
            self._beating = None
            self._set_timer()
        for pulse in due:
            # One that has ended meanwhile has given its lease back.
            if pulse.run.run_id in self._pulses and pulse.run.run_id in renewed:
                self._hear(pulse, renewed[pulse.run.run_id], loop.time() - now)
        self._set_timer()

    def _hear(self, pulse: Pulse, renewed: Renewed, age_seconds: float) -> None:
        if renewed.lease == "renewed":
            pulse.due_at = asyncio.get_running_loop().time() + pulse.interval_seconds
        pulse.learned(renewed.closed, age_seconds)
        if renewed.lease == "fenced":
            del self._pulses[pulse.run.run_id]
            pulse.fenced_off()

    async def _renewed(self, beats: Sequence[Beat]) -> Mapping[int, Renewed]:
        longest = min(beat.run.lease_ttl_ms for beat in beats) / 1000
        renewing = self._worker.submit(lambda: self._renew(beats))
        done, _ = await asyncio.wait((renewing,), timeout=longest)
        if not done and self._line is not None:
            self._pool.hang_up(self._line)
        return await renewing

    def _renew(self, beats: Sequence[Beat]) -> Mapping[int, Renewed]:
        with self._pool.lent(Use.LEASES, wait_seconds=_AGAIN_SECONDS) as line:
            self._line = line
            try:
                return renew_leases(line.connection, beats)
            except StorageUnavailable:
                # In doubt: whatever it holds at the server is ended before another one is lent.
                self._pool.hang_up(line)
                raise
            finally:
                self._line = None
