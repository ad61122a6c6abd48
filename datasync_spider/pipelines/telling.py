"""What the pipeline tells of its work: stats, log lines and signals, for whoever shows or judges progress.

Invariant: it tells and decides nothing; used from the event loop.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from datasync_spider import signals, stats
from datasync_spider.display import visible
from datasync_spider.items import page_fields
from datasync_spider.storage.checkpoint import RunTotals
from datasync_spider.throttle import Throttle

if TYPE_CHECKING:
    import asyncio

    from scrapy.crawler import Crawler

    from datasync_spider.errors import StorageUnavailable
    from datasync_spider.pipelines.buffer import PageBuffer
    from datasync_spider.pipelines.dispatcher import OnRetry
    from datasync_spider.storage.batch import Batch, Committed

logger = logging.getLogger(__name__)

_BUFFER_EVERY_SECONDS = 0.05


class Telling:
    """Of one crawl."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._buffer_throttle = Throttle(_BUFFER_EVERY_SECONDS)
        self._told_writing_batches = 0

    def totals(self) -> RunTotals:
        """What the run's row tells of fetching; may be called from any thread."""
        collector = self._crawler.stats
        return RunTotals(collector.get_value(stats.RETRIES, 0), collector.get_value(stats.WAITED_MS, 0))

    def buffered(self, buffer: PageBuffer, writing_batches: int) -> None:
        """Says so when batches begin or end, and what else changes now and then."""
        always = writing_batches != self._told_writing_batches
        if not self._buffer_throttle.lets_through(time.monotonic(), always=always):
            return
        self._told_writing_batches = writing_batches
        self._crawler.signals.send_catch_log(
            signals.buffer_changed,
            pages=buffer.pages,
            rows=buffer.rows,
            writing=writing_batches,
            batch_size_rows=buffer.batch_size_rows,
        )

    def committed(self, batch: Batch, committed: Committed) -> None:
        collector = self._crawler.stats
        for name, count in (
            (stats.COMMITTED_BATCHES, 1),
            (stats.COMMITTED_PAGES, committed.pages),
            (stats.COMMITTED_EVENTS, committed.events),
            (stats.COMMITTED_INSERTED, committed.inserted),
            (stats.COMMITTED_DUPLICATES, committed.duplicates),
            (stats.COMMITTED_REJECTED, committed.rejected),
            (stats.COMMITTED_FILTERED, committed.filtered),
            (stats.COMMITTED_CONFLICTS, committed.conflicts),
            (stats.COMMITTED_DRIFTED, len(committed.changes)),
            (stats.COMMITTED_BYTES, committed.body_bytes),
        ):
            collector.inc_value(name, count)
        logger.debug(
            "committed pages %d to %d: %d inserted, %d duplicates, %d rejected",
            committed.first_page,
            committed.last_page,
            committed.inserted,
            committed.duplicates,
            committed.rejected,
            extra={"datasync": page_fields(batch.pages[-1].page)},
        )
        for change in committed.changes:
            logger.warning("a field is not as it was: %s", visible(str(change)))
        self._crawler.signals.send_catch_log(signals.batch_committed, summary=committed, newest=batch.newest)

    def retrying_from_threads(self, loop: asyncio.AbstractEventLoop) -> OnRetry:
        """To be called by a writing thread that is about to try again."""

        def announce(error: StorageUnavailable, attempt: int, delay_seconds: float) -> None:
            loop.call_soon_threadsafe(self._retrying, error, attempt, delay_seconds)

        return announce

    def _retrying(self, error: StorageUnavailable, attempt: int, delay_seconds: float) -> None:
        logger.warning("PostgreSQL: %s; attempt %d again in %.3g s", error, attempt + 1, delay_seconds)
        self._crawler.stats.inc_value(stats.WRITE_RETRIES)
        self._crawler.signals.send_catch_log(
            signals.writer_retrying, error=error, attempt=attempt, delay_seconds=delay_seconds
        )
