"""Reports a sync to Scrapy: stats, log lines, and signals for extensions.

Invariant: it reports and decides nothing; used from the event loop.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from datasync_spider import signals
from datasync_spider.items import page_fields
from datasync_spider.observe import stats
from datasync_spider.observe.display import visible
from datasync_spider.process.throttle import Throttle

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.errors import StorageUnavailable
    from datasync_spider.items import EventPage
    from datasync_spider.storage.batch import Batch, Committed
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.slicesync import SliceSync
    from datasync_spider.sync.writing import PageBuffer

logger = logging.getLogger(__name__)

_BUFFER_EVERY_SECONDS = 0.05


class CrawlReporter:
    """An :class:`~datasync_spider.sync.observer.Observer` of ``sync``, which is put here before anything happens."""

    sync: SliceSync

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._buffer_throttle = Throttle(_BUFFER_EVERY_SECONDS)
        self._reported_writing_batches = 0

    def run_opened(self, run: OpenRun) -> None:
        self._crawler.stats.set_value(stats.RUN_ID, run.run_id)
        self._crawler.signals.send_catch_log(signals.run_opened, sync=self.sync, run=run)

    def run_failing(self, reason: str) -> None:
        self._crawler.stats.set_value(stats.FAILURE, reason)
        self._crawler.signals.send_catch_log(signals.run_ending, sync=self.sync, reason=reason)

    def page_fetched(self, page: EventPage, cursor_seconds: float | None) -> None:
        self._crawler.signals.send_catch_log(
            signals.page_fetched, sync=self.sync, page=page, cursor_seconds=cursor_seconds
        )
        logger.debug(
            "page %d: %d events in %d ms",
            page.number,
            page.received_events,
            page.fetch_ms,
            extra={"datasync": page_fields(page)},
        )

    def chain_restarted(self, number: int) -> None:
        self._crawler.stats.inc_value(stats.RESTARTS_FROM_HEAD)
        self._crawler.signals.send_catch_log(signals.chain_restarted, sync=self.sync, chain=number)

    def buffer_changed(self, buffer: PageBuffer, writing_batches: int) -> None:
        """Says so when batches begin or end, and what else changes now and then."""
        always = writing_batches != self._reported_writing_batches
        if not self._buffer_throttle.lets_through(time.monotonic(), always=always):
            return
        self._reported_writing_batches = writing_batches
        self._crawler.signals.send_catch_log(
            signals.buffer_changed,
            sync=self.sync,
            pages=buffer.pages,
            rows=buffer.rows,
            writing=writing_batches,
            batch_size_rows=buffer.batch_size_rows,
        )

    def batch_committed(self, batch: Batch, committed: Committed) -> None:
        collector, counts = self._crawler.stats, committed.counts
        for name, count in (
            (stats.COMMITTED_BATCHES, counts.batches),
            (stats.COMMITTED_PAGES, counts.pages),
            (stats.COMMITTED_EVENTS, counts.events),
            (stats.COMMITTED_INSERTED, counts.inserted),
            (stats.COMMITTED_DUPLICATES, counts.duplicates),
            (stats.COMMITTED_REJECTED, counts.rejected),
            (stats.COMMITTED_FILTERED, counts.filtered),
            (stats.COMMITTED_CONFLICTS, counts.conflicts),
            (stats.COMMITTED_BYTES, counts.body_bytes),
            (stats.COMMITTED_DRIFTED, counts.drifted),
        ):
            collector.inc_value(name, count)
        logger.debug(
            "committed pages %d to %d: %d inserted, %d duplicates, %d rejected",
            committed.first_page,
            committed.last_page,
            counts.inserted,
            counts.duplicates,
            counts.rejected,
            extra={"datasync": page_fields(batch.pages[-1].page)},
        )
        for change in committed.changes:
            logger.warning("a field is not as it was: %s", visible(str(change)))
        self._crawler.signals.send_catch_log(
            signals.batch_committed, sync=self.sync, summary=committed, newest=batch.newest
        )

    def writer_retrying(self, error: StorageUnavailable, attempt: int, delay_seconds: float) -> None:
        logger.warning("PostgreSQL: %s; attempt %d again in %.3g s", error, attempt + 1, delay_seconds)
        self._crawler.stats.inc_value(stats.WRITE_RETRIES)
        self._crawler.signals.send_catch_log(
            signals.writer_retrying, sync=self.sync, error=error, attempt=attempt, delay_seconds=delay_seconds
        )
