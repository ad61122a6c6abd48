"""What the sync of a slice asks of the database beside the writing of its pages, each answer in a thread.

Invariant: the event loop never waits for PostgreSQL; a stop ends the waiting within seconds, whatever hangs. What only
saves requests is not worth an error: where the database does not say, the answer is that nothing is known.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from datasync_spider import __version__, failpoints
from datasync_spider.errors import Stopped, StorageError, StorageUnavailable
from datasync_spider.logs.redaction import Redactor
from datasync_spider.storage.backends import end_backends_of_earlier_runs
from datasync_spider.storage.due import SliceKey
from datasync_spider.storage.known import count_stored, is_known_entirely
from datasync_spider.storage.passdepth import PassDepth, read_pass_depth
from datasync_spider.storage.pool import Use, looking_on
from datasync_spider.storage.resync import begin_anew
from datasync_spider.storage.retrying import AT_END, patiently
from datasync_spider.storage.runs import OpenRun, open_run
from datasync_spider.storage.standstill import StandstillWatch
from datasync_spider.storage.syncend import Due, Finished, finish_sync
from datasync_spider.storage.validators import end_unmodified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datasync_spider.items import EventPage
    from datasync_spider.pacing.askedwaits import Closed
    from datasync_spider.storage.batch import Counts
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.pool import Line
    from datasync_spider.sync.outcome import Ended
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_ANSWER_SECONDS = 20.0
# A signal ends the run within ten seconds whatever hangs.
_STOP_OPENING_SECONDS = 3.0


class SliceStorage:
    """Of one sync. Each question takes one of the process's connections, for as long as it is asked."""

    def __init__(self, plan: SyncPlan, services: Services) -> None:
        self._plan = plan
        self._config = plan.config
        self._services = services
        self._pool = services.pool
        self._lent: set[Line] = set()
        self._control = services.worker()
        self._lookups = services.worker()
        self._counts = services.worker()
        self._stopped = asyncio.Event()
        self._given_up = threading.Event()
        self._open_was_tried = False

    def stop(self) -> None:
        """Who waits for an answer is let go."""
        self._stopped.set()

    def give_up(self) -> None:
        """Nothing is tried again any more, but for the end of the run."""
        self._given_up.set()

    def close(self) -> None:
        """What is still asked, no one waits for any more."""
        for line in tuple(self._lent):
            self._services.hang_up_later(line)

    @contextmanager
    def _connected(self, use: Use = Use.ASKING, connect_timeout_seconds: int = 5) -> Iterator[Connection]:
        with self._pool.lent(use, connect_timeout_seconds=connect_timeout_seconds) as line:
            self._lent.add(line)
            try:
                yield line.connection
            finally:
                self._lent.discard(line)

    # The run

    async def open_run(self) -> OpenRun:
        """Takes the lease and learns where to start.

        One that is given up leaves at most a run whose process is dead, which the next one sees and takes over. Raises
        LeaseHeld or another StorageError, Stalled where the database stands still, Stopped where a stop came first.
        """
        given_up = threading.Event()
        with StandstillWatch(looking_on(self._pool), self._config.stall_timeout_seconds) as watch:
            opening = self._control.submit(lambda: patiently(lambda: self._open(watch), stopped=given_up))
            stopped = asyncio.ensure_future(self._stopped.wait())
            try:
                while not opening.done() and not stopped.done():
                    watch.check()
                    waits = (opening, stopped)
                    await asyncio.wait(waits, timeout=watch.pause_seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                # Nothing is tried again any more, also where the database has been found to stand still.
                given_up.set()
            if not opening.done():
                # The database is given a while to answer: it may be frozen, or locked.
                await asyncio.wait((opening,), timeout=_STOP_OPENING_SECONDS)
            if not opening.done():
                raise Stopped("stopped while the run was being opened")
        return opening.result()

    def _open(self, watch: StandstillWatch) -> OpenRun:
        config, is_again, self._open_was_tried = self._config, self._open_was_tried, True
        with self._connected(Use.WAITING) as connection, watch.over(connection):
            run = open_run(
                connection,
                self._plan.spec,
                config.lease_ttl_ms,
                __version__,
                again=is_again,
                is_backfill=self._plan.is_backfill,
            )
            if run.is_written_to:
                end_backends_of_earlier_runs(connection, run)
            return run

    async def finish(
        self, run: OpenRun, ended: Ended, spent: Counts, closed: Closed, timeout_seconds: float
    ) -> Finished | None:
        """Records in the run's row how it has ended; None, and it is logged why, where it cannot be within the time.

        Nothing depends on it: a row that goes on saying running belongs to a process that is gone, which the next run
        sees and corrects.
        """
        status, reason, detail = ended
        if run.note:
            detail = f"{detail}; {run.note}" if detail else run.note
        if detail is not None:
            # The API's own words may be in it, and an API may say a key aloud.
            detail = Redactor(self._plan.secrets).redact(detail)

        due = self._due()

        def finish() -> Finished:
            failpoints.reach("before_finish")
            return patiently(finish_once, AT_END)

        def finish_once() -> Finished:
            with self._connected(connect_timeout_seconds=2) as connection:
                return finish_sync(connection, run, status, reason, detail, spent.retries, spent.waited_ms, closed, due)

        finishing = self._control.submit(finish)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await finishing
        except StorageError as error:
            logger.error("the end of the run could not be recorded: %s", error)
        except TimeoutError:
            logger.error("the end of the run could not be recorded: PostgreSQL took longer than %g s", timeout_seconds)
        return None

    def _due(self) -> Due | None:
        """After a signal to stop, what is stopped is as due as before."""
        plan, notifies = self._plan, self._config.notify_url is not None
        if self._stopped.is_set() or not plan.is_kept_fresh:
            return None
        return Due(SliceKey(plan.source.name, plan.spec.name, plan.spec.slice), notifies)

    # Its pass, beside the writing of its pages

    async def begin_anew(self, run: OpenRun) -> OpenRun:
        """The run in a new, full pass. Raises StorageError."""
        return await self._insist(lambda connection: begin_anew(connection, run))

    async def end_unmodified(self, run: OpenRun) -> None:
        """The run and its pass are complete, since the API says that nothing has changed. Raises StorageError."""
        await self._insist(lambda connection: end_unmodified(connection, run))

    async def _insist(self, act: Callable[[Connection], _T]) -> _T:
        def once() -> _T:
            with self._connected() as connection:
                return act(connection)

        return await self._control.submit(lambda: patiently(once, stopped=self._given_up))

    # What only saves requests

    async def is_known(self, page: EventPage, run: OpenRun) -> bool:
        """Whether all that the page holds was stored before this pass; False where the database does not say."""
        try:
            return await self._look(lambda c: is_known_entirely(c, run.slice, page, run.resume.known_before))
        except StorageError as error:
            logger.warning("could not ask whether page %d is known, going on: %s", page.number, error)
            return False

    async def pass_depth(self, run: OpenRun) -> PassDepth | None:
        """How far the slice's open pass has come; None where the database does not say."""
        try:
            return await self._look(lambda connection: read_pass_depth(connection, run.slice))
        except StorageError as error:
            logger.warning("could not ask how deep this pass is, starting from the head: %s", error)
            return None

    async def count_stored(self, run: OpenRun) -> int | None:
        """How many rows the slice has; None where the database does not say."""

        def count() -> int:
            with self._connected() as connection:
                return count_stored(connection, run.slice)

        try:
            return await self._counts.submit(count)
        except StorageError as error:
            logger.warning("could not count the stored events: %s", error)
            return None

    async def _look(self, look: Callable[[Connection], _T]) -> _T:
        """Raises StorageUnavailable where it takes too long, or where a stop is requested."""

        def once() -> _T:
            with self._connected() as connection:
                return look(connection)

        answer = self._lookups.submit(once)
        stopped = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait((answer, stopped), timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not answer.done():
            raise StorageUnavailable("PostgreSQL did not answer in time")
        return answer.result()
