"""Keeps the stream's lease alive and the run's heartbeat fresh while the crawl lives.

With each beat it looks at what other runs have heard from the API for the same credential, and says so by a signal.

Invariant: a run that finds its lease taken stops at once, as fenced off. A database that does not answer is no reason
to stop: the writer rides that out or fails, and the fence keeps everybody safe meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.errors import FencedOff, StorageError
from datasync_spider.observe import stats
from datasync_spider.pacing.askedwaits import AskedWaits, Closed
from datasync_spider.process.workers import Worker
from datasync_spider.storage.backends import end_lost_backends, label
from datasync_spider.storage.connection import Connection, close_quietly, connect
from datasync_spider.storage.polls import note_poll
from datasync_spider.storage.retrying import once_more
from datasync_spider.storage.runs import OpenRun, note_closed, renew_lease
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

_BEATS_A_LEASE = 3
_AGAIN_SECONDS = 1.0
_WORTH_NOTING_SECONDS = 0.2


class HeartbeatExtension:
    """Renews the lease thrice in its lifetime."""

    def __init__(self, crawler: Crawler, database_url: str, interval_seconds: float) -> None:
        self._crawler = crawler
        self._database_url = database_url
        self._interval_seconds = interval_seconds
        self._worker = Worker("datasync-heartbeat")
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._run: OpenRun | None = None
        self._known = AskedWaits()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = plan_of(crawler).config
        extension = cls(crawler, config.database_url_text, config.lease_ttl_ms / 1000 / _BEATS_A_LEASE)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._wait_asked, signals.wait_asked)
        crawler.signals.connect(extension._poll_interval_asked, signals.poll_interval_asked)
        crawler.signals.connect(extension._spider_closed, scrapy_signals.spider_closed)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        self._run = run
        self._known.learned(run.waits.closed, time.monotonic())
        self._task = asyncio.ensure_future(self._beat(run))

    def _wait_asked(self, seconds: float, *, is_binding: bool, **_: Any) -> None:
        # At once, and not when the run ends: it may be killed while it waits.
        if self._run is not None and seconds >= _WORTH_NOTING_SECONDS:
            closed = Closed(seconds=seconds) if is_binding else Closed(advised_seconds=seconds)
            self._known.learned(closed, time.monotonic())
            self._worker.submit(partial(self._note_closed, self._run, closed))

    def _poll_interval_asked(self, seconds: float, **_: Any) -> None:
        if self._run is not None and seconds > 0:
            self._worker.submit(partial(self._note_poll, self._run, seconds))

    def _note_poll(self, run: OpenRun, seconds: float) -> None:
        try:
            once_more(lambda: self._use(lambda connection: note_poll(connection, run.slice.slice_id, seconds)))
        except StorageError as error:
            logger.debug("when the next sync may begin could not be noted: %s", error)

    def _note_closed(self, run: OpenRun, closed: Closed) -> None:
        try:
            once_more(lambda: self._use(lambda connection: note_closed(connection, run, closed)))
        except StorageError as error:
            logger.debug("what the API reported could not be noted: %s", error)

    async def _beat(self, run: OpenRun) -> None:
        is_renewed = True
        while True:
            # A beat that failed is made up for soon: what it has lost at the server may hold the stream's row.
            await asyncio.sleep(self._interval_seconds if is_renewed else min(self._interval_seconds, _AGAIN_SECONDS))
            try:
                self._learn(await self._worker.submit(lambda: self._renew(run)))
                is_renewed = True
            except FencedOff as error:
                self._crawler.signals.send_catch_log(signals.run_failed, error=error)
                return
            except StorageError as error:
                if is_renewed:
                    logger.warning("the lease could not be renewed: %s", error)
                is_renewed = False

    def _learn(self, closed: Closed) -> None:
        # What this run has noted itself comes back as well, later by what the writing took.
        if self._known.learned(closed, time.monotonic(), _WORTH_NOTING_SECONDS):
            self._crawler.signals.send_catch_log(signals.wait_learned, closed=closed)

    def _renew(self, run: OpenRun) -> Closed:
        collector = self._crawler.stats
        retries, waited_ms = collector.get_value(stats.RETRIES, 0), collector.get_value(stats.WAITED_MS, 0)
        return self._use(lambda connection: renew_lease(connection, run, retries, waited_ms))

    def _use(self, work: Callable[[Connection], _T]) -> _T:
        try:
            return work(self._connected())
        except StorageError:
            self._disconnect()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            assert self._run is not None
            own = label(self._run.run_id, "heartbeat")
            self._connection = connect(self._database_url, label=own)
            end_lost_backends(self._connection, own)
        return self._connection

    def _disconnect(self) -> None:
        close_quietly(self._connection)
        self._connection = None

    def _spider_closed(self, **_: Any) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._worker.submit(self._disconnect)
        self._worker.close()
