"""The item pipeline that writes pages to PostgreSQL: Scrapy's shell around the sync of a slice.

Invariant: nothing is decided here. Scrapy forgives exceptions of pipelines; therefore the sync keeps the first one, the
crawl is closed, and the run ends as failed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import CloseSpider

from datasync_spider import signals
from datasync_spider.errors import (
    ConfigurationError,
    DatasyncError,
    LeaseHeld,
    PageLost,
    Stalled,
    Stopped,
    StorageError,
    StreamChanged,
    StreamPaused,
)
from datasync_spider.items import EventPage
from datasync_spider.observe import stats
from datasync_spider.sync.slicesync import SliceSync

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class PostgresPipeline:
    """``sync``: that of the crawl's spider."""

    def __init__(self, crawler: Crawler, sync: SliceSync) -> None:
        self._crawler = crawler
        self._sync = sync
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        sync = getattr(crawler.spider, "sync", None)
        if not isinstance(sync, SliceSync):
            raise ConfigurationError(
                f"the spider {getattr(crawler.spider, 'name', None)} has no sync: spiders of this project subclass"
                " datasync_spider.plugin.StreamSpider"
            )
        pipeline = cls(crawler, sync)
        connect = crawler.signals.connect
        connect(pipeline._stop_requested, signals.stop_requested)
        connect(pipeline._run_failed, signals.run_failed)
        connect(pipeline._run_ending, signals.run_ending)
        connect(pipeline._wait_started, signals.wait_started)
        connect(pipeline._wait_asked, signals.wait_asked)
        connect(pipeline._item_scraped, scrapy_signals.item_scraped)
        connect(pipeline._item_dropped, scrapy_signals.item_dropped)
        connect(pipeline._item_error, scrapy_signals.item_error)
        return pipeline

    async def open_spider(self) -> None:
        try:
            await self._sync.open()
        except Stopped as error:
            raise CloseSpider("stopped") from error
        except (StorageError, Stalled) as error:
            if isinstance(error, LeaseHeld | StreamChanged | StreamPaused):
                logger.error("%s", error)
            else:
                logger.error("the run could not be opened: %s", error)
            self._crawler.stats.set_value(stats.REFUSED, error.reason)
            if not isinstance(error, LeaseHeld):
                self._crawler.stats.set_value(stats.REFUSED_DETAIL, str(error))
            raise CloseSpider(error.reason) from error
        if self._is_stopped:
            # The signal came while the run was being opened: Scrapy had nothing to stop yet.
            raise CloseSpider("stopped")

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, EventPage):
            await self._sync.store(item)
        return item

    async def close_spider(self) -> None:
        await self._sync.close()

    # What else becomes of a page

    def _item_scraped(self, item: Any, response: Any = None, **_: Any) -> None:
        """What comes out of the item pipelines is the page, unless one of them has put something else in its place."""
        if isinstance(item, EventPage) or response is None:
            return
        number = response.meta.get("page_number")
        if number is not None and self._sync.is_waited_for(number):
            kind = type(item).__name__
            self._sync.fail(PageLost(f"an item pipeline has put an object of type {kind} in place of page {number}"))

    def _item_dropped(self, item: Any, **_: Any) -> None:
        """An item pipeline wants nothing of this page: its events are filtered, its cursor counts."""
        if isinstance(item, EventPage):
            item.events, item.rejected = [], []
            asyncio.ensure_future(self._sync.store(item))  # noqa: RUF006 - close_spider waits for the writes

    def _item_error(self, item: Any, failure: Any, **_: Any) -> None:
        if isinstance(item, EventPage):
            self._sync.fail(PageLost(f"an item pipeline failed on page {item.number}: {failure.value}"))

    # What others say

    def _run_failed(self, error: DatasyncError, **_: Any) -> None:
        self._sync.fail(error)

    def _run_ending(self, reason: str, **_: Any) -> None:
        """Nothing more is to be asked for."""
        engine = self._crawler.engine
        if engine.spider is not None:
            asyncio.ensure_future(engine.close_spider_async(reason=reason))  # noqa: RUF006 - the engine awaits it

    def _stop_requested(self, signal_name: str, **_: Any) -> None:
        self._is_stopped = True
        self._sync.stop(signal_name)

    def _wait_started(self, seconds: float, **_: Any) -> None:
        self._sync.wait_begins(seconds)

    def _wait_asked(self, seconds: float, *, is_binding: bool, **_: Any) -> None:
        self._sync.wait_asked(seconds, is_binding=is_binding)
