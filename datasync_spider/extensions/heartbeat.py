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

from datasync_spider import signals
from datasync_spider.errors import FencedOff, StorageError
from datasync_spider.pacing.askedwaits import AskedWaits, Closed
from datasync_spider.process.workers import Worker
from datasync_spider.storage.backends import end_lost_backends, label
from datasync_spider.storage.connection import Connection, close_quietly, connect
from datasync_spider.storage.polls import note_poll
from datasync_spider.storage.retrying import once_more
from datasync_spider.storage.runs import OpenRun, note_closed, renew_lease

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.sync.slicesync import SliceSync

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

_BEATS_A_LEASE = 3
_AGAIN_SECONDS = 1.0
_WORTH_NOTING_SECONDS = 0.2


class HeartbeatExtension:
    """One for each sync whose run is open."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._of: dict[SliceSync, _Heartbeat] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._wait_asked, signals.wait_asked)
        crawler.signals.connect(extension._poll_interval_asked, signals.poll_interval_asked)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        self._of[sync] = _Heartbeat(self._crawler, sync, run)

    def _wait_asked(self, sync: SliceSync, seconds: float, *, is_binding: bool, **_: Any) -> None:
        if sync in self._of:
            self._of[sync].wait_asked(seconds, is_binding=is_binding)

    def _poll_interval_asked(self, sync: SliceSync, seconds: float, **_: Any) -> None:
        if sync in self._of:
            self._of[sync].poll_interval_asked(seconds)

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        if (heartbeat := self._of.pop(sync, None)) is not None:
            heartbeat.close()


class _Heartbeat:
    """Renews the lease thrice in its lifetime."""

    def __init__(self, crawler: Crawler, sync: SliceSync, run: OpenRun) -> None:
        config = sync.plan.config
        self._crawler = crawler
        self._sync = sync
        self._run = run
        self._database_url = config.database_url_text
        self._interval_seconds = config.lease_ttl_ms / 1000 / _BEATS_A_LEASE
        self._worker = Worker("datasync-heartbeat")
        self._connection: Connection | None = None
        self._known = AskedWaits()
        self._known.learned(run.waits.closed, time.monotonic())
        self._task = asyncio.ensure_future(self._beat(run))

    def wait_asked(self, seconds: float, *, is_binding: bool) -> None:
        # At once, and not when the run ends: it may be killed while it waits.
        if seconds >= _WORTH_NOTING_SECONDS:
            closed = Closed(seconds=seconds) if is_binding else Closed(advised_seconds=seconds)
            self._known.learned(closed, time.monotonic())
            self._worker.submit(partial(self._note_closed, self._run, closed))

    def poll_interval_asked(self, seconds: float) -> None:
        if seconds > 0:
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
                self._crawler.signals.send_catch_log(signals.run_failed, sync=self._sync, error=error)
                return
            except StorageError as error:
                if is_renewed:
                    logger.warning("the lease could not be renewed: %s", error)
                is_renewed = False

    def _learn(self, closed: Closed) -> None:
        # What this run has noted itself comes back as well, later by what the writing took.
        if self._known.learned(closed, time.monotonic(), _WORTH_NOTING_SECONDS):
            self._crawler.signals.send_catch_log(signals.wait_learned, sync=self._sync, closed=closed)

    def _renew(self, run: OpenRun) -> Closed:
        spent = self._sync.spent()
        return self._use(lambda connection: renew_lease(connection, run, spent.retries, spent.waited_ms))

    def _use(self, work: Callable[[Connection], _T]) -> _T:
        try:
            return work(self._connected())
        except StorageError:
            self._disconnect()
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            own = label(self._run.run_id, "heartbeat")
            self._connection = connect(self._database_url, label=own)
            end_lost_backends(self._connection, own)
        return self._connection

    def _disconnect(self) -> None:
        close_quietly(self._connection)
        self._connection = None

    def close(self) -> None:
        self._task.cancel()
        if self._connection is not None:
            self._worker.submit(self._disconnect)
        self._worker.close()
