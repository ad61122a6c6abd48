"""Ends a run that has stopped moving: nothing was committed for STALL_TIMEOUT_MS, and nothing excuses that.

What it is for is the unforeseen, such as a database server that holds a connection open and never answers: a run that
fails can be started again, one that hangs keeps its lease and helps no one. Invariant: it fires once a run, and never
while an announced pause or a database that is being tried again is within its time.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.errors import Stalled
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.faces.progress.health import Health, Verdict, health_of
from datasync_spider.storage.pool import looking_on
from datasync_spider.storage.standstill import standstill_text
from datasync_spider.sync.plan import config_of
from datasync_spider.sync.services import Services, services_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.slicesync import SliceSync

_LOOKS_PER_TIMEOUT = 20
_LONGEST_PAUSE_SECONDS = 5.0
_ASK_WHY_SECONDS = 2.0


class StallGuardExtension:
    """Looks at each sync from the opening of its run until it is closed."""

    def __init__(self, crawler: Crawler, services: Services, timeout_seconds: float) -> None:
        self._crawler = crawler
        self._services = services
        self._timeout_seconds = timeout_seconds
        self._worker = services.worker()
        self._open: dict[SliceSync, OpenRun] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler, services_of(crawler), config_of(crawler).stall_timeout_seconds)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        crawler.signals.connect(extension._spider_closed, scrapy_signals.spider_closed)
        return extension

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        self._open[sync] = run
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), context=Context())

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        self._open.pop(sync, None)

    async def _watch(self) -> None:
        pause = min(self._timeout_seconds / _LOOKS_PER_TIMEOUT, _LONGEST_PAUSE_SECONDS)
        while True:
            await asyncio.sleep(pause)
            for sync, run in list(self._open.items()):
                health = health_of(progress_of(self._crawler, sync), self._timeout_seconds, time.monotonic())
                if health.verdict is Verdict.STALLED and self._open.pop(sync, None) is not None:
                    sync.enter()
                    await self._end(sync, run, health)

    async def _end(self, sync: SliceSync, run: OpenRun, health: Health) -> None:
        look = partial(standstill_text, looking_on(self._services.pool), run.run_id, _ASK_WHY_SECONDS)
        why = await self._worker.submit(look)
        words = f"{health.words}; {why}" if why else health.words
        error = Stalled(f"nothing was committed for {health.idle_seconds:.0f} s without a reason to wait: {words}")
        self._crawler.signals.send_catch_log(signals.run_failed, sync=sync, error=error)

    def _spider_closed(self, **_: Any) -> None:
        if self._task is not None:
            self._task.cancel()
