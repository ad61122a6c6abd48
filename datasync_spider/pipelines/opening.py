"""Opens the run: takes the lease and learns where to start, as long as no stop is requested and the database goes on.

Invariant: an opening that is given up leaves at most a run whose process is dead, which the next one sees and takes
over. It never hangs for longer than STALL_TIMEOUT_MS.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from scrapy.exceptions import CloseSpider

from datasync_spider import __version__
from datasync_spider.storage.backends import end_backends_of_earlier_runs
from datasync_spider.storage.connection import connected
from datasync_spider.storage.retrying import patiently
from datasync_spider.storage.runs import OpenRun, open_run
from datasync_spider.storage.standstill import StandstillWatch

if TYPE_CHECKING:
    from datasync_spider.syncplan import SyncPlan
    from datasync_spider.workers import Worker

logger = logging.getLogger(__name__)

# A signal ends the run within ten seconds whatever hangs.
_STOP_OPENING_SECONDS = 3.0


class Opening:
    """One run of one plan; ``worker`` is the thread that speaks with the database."""

    def __init__(self, plan: SyncPlan, worker: Worker, stopped: asyncio.Event) -> None:
        self._plan = plan
        self._config = plan.config
        self._worker = worker
        self._stopped = stopped
        self._was_tried = False
        self._given_up = threading.Event()

    async def run(self) -> OpenRun:
        """The open run. Raises LeaseHeld or another StorageError, Stalled, CloseSpider where a stop came first."""
        with StandstillWatch(self._config.database_url_text, self._config.stall_timeout_seconds) as watch:
            opening = self._worker.submit(lambda: patiently(lambda: self._open(watch), stopped=self._given_up))
            await self._unless_stopped(opening, watch)
        run = opening.result()
        _log_start(run)
        return run

    async def _unless_stopped(self, opening: asyncio.Future[OpenRun], watch: StandstillWatch) -> None:
        """Where a signal comes, the database is given a while to answer: it may be frozen, or locked."""
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            while not opening.done() and not stopped.done():
                watch.check()
                waits = (opening, stopped)
                await asyncio.wait(waits, timeout=watch.pause_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            # Nothing is tried again any more, also where the database has been found to stand still.
            self._given_up.set()
        if not opening.done():
            await asyncio.wait((opening,), timeout=_STOP_OPENING_SECONDS)
        if not opening.done():
            raise CloseSpider("stopped")

    def _open(self, watch: StandstillWatch) -> OpenRun:
        config = self._config
        with connected(config.database_url_text) as connection, watch.over(connection):
            again, self._was_tried = self._was_tried, True
            run = open_run(
                connection,
                self._plan.spec,
                config.lease_ttl_ms,
                __version__,
                again=again,
                is_backfill=self._plan.is_backfill,
            )
            end_backends_of_earlier_runs(connection, run)
            return run


def _log_start(run: OpenRun) -> None:
    resume = run.resume
    if run.took_over:
        logger.warning("took over stream %s: %s", run.slice, run.took_over)
    if resume.distrusted:
        logger.warning("the stored position is not used: the run that left it got page after page and no new record")
    if run.is_backfill:
        logger.info(
            "run %d of stream %s is a backfill: it begins at its window's first page and leaves position and pass as"
            " they are, %d events stored so far",
            run.run_id,
            run.slice,
            resume.total_ingested,
            extra={"datasync": {"run_id": run.run_id, "stream": run.slice.stream}},
        )
        return
    logger.info(
        "run %d of stream %s starts at %s: %s pass %d, %d events stored so far",
        run.run_id,
        run.slice,
        "the stored cursor"
        if resume.cursor
        else "where the last complete pass has ended"
        if resume.bookmark
        else "the head of the feed",
        resume.pass_kind,
        resume.pass_number,
        resume.total_ingested,
        extra={"datasync": {"run_id": run.run_id, "stream": run.slice.stream}},
    )
