"""One log line every PROGRESS_LOG_INTERVAL_MS: what is committed, how fast, and what the crawl is doing."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider import signals, stats
from datasync_spider.config import Config

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from typing_extensions import Self

    from datasync_spider.storage.batch import Committed
    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)


class ProgressExtension:
    """Logs committed counts only: what is in flight is nobody's yet."""

    def __init__(self, crawler: Crawler, interval_seconds: float) -> None:
        self._crawler = crawler
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None
        self._started = time.monotonic()
        self._expected_total: int | None = None
        self._total_ingested = 0
        self._waiting_for: str | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = Config.from_settings(crawler.settings)
        extension = cls(crawler, config.progress_log_interval_ms / 1000)
        connect = crawler.signals.connect
        connect(extension._run_opened, signals.run_opened)
        connect(extension._batch_committed, signals.batch_committed)
        connect(extension._wait_started, signals.wait_started)
        connect(extension._wait_ended, signals.wait_ended)
        connect(extension._spider_closed, scrapy_signals.spider_closed)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        self._started = time.monotonic()
        self._expected_total = run.resume.expected_total
        self._total_ingested = run.resume.total_ingested
        self._task = asyncio.ensure_future(self._log_for_ever())

    def _batch_committed(self, summary: Committed, **_: Any) -> None:
        self._expected_total = summary.expected_total or self._expected_total
        self._total_ingested = summary.total_ingested or self._total_ingested

    def _wait_started(self, reason: str, **_: Any) -> None:
        self._waiting_for = reason

    def _wait_ended(self, **_: Any) -> None:
        self._waiting_for = None

    async def _log_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            logger.info("%s", self.line())

    def line(self) -> str:
        """The progress so far, in one line."""
        get = self._crawler.stats.get_value
        events = get(stats.COMMITTED_EVENTS, 0)
        rate = events / max(time.monotonic() - self._started, 1e-9)
        share = f" of {self._expected_total:,}" if self._expected_total else ""
        state = f"waiting ({self._waiting_for})" if self._waiting_for else "fetching"
        return (
            f"progress: {self._total_ingested:,}{share} stored; this run: {get(stats.COMMITTED_PAGES, 0):,} pages,"
            f" {get(stats.COMMITTED_INSERTED, 0):,} inserted, {get(stats.COMMITTED_DUPLICATES, 0):,} duplicates,"
            f" {get(stats.COMMITTED_REJECTED, 0):,} rejected, {get(stats.RETRIES, 0):,} retries,"
            f" {rate:,.0f} events/s; {state}"
        )

    def _spider_closed(self, **_: Any) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._waiting_for is None or self._total_ingested:
            logger.info("%s", self.line())
