"""The item pipeline that writes pages to PostgreSQL: Scrapy's shell around the syncs of a crawl.

Invariant: nothing is decided here. Scrapy forgives exceptions of pipelines; therefore a sync keeps its first one, and
its run ends as failed; so does the crawl where it is made for that sync.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import CloseSpider

from datasync_spider import signals
from datasync_spider.errors import ConfigurationError, DatasyncError, PageLost
from datasync_spider.items import EventPage
from datasync_spider.observe import stats
from datasync_spider.sync.slicesync import SliceSync
from datasync_spider.sync.syncs import Syncs

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler


class PostgresPipeline:
    """``syncs``: those of the crawl's spider. ``sync``: that which the crawl is made for, where it is for one."""

    def __init__(self, crawler: Crawler, syncs: Syncs, sync: SliceSync | None) -> None:
        self._crawler = crawler
        self._syncs = syncs
        self._sync = sync

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        syncs = getattr(crawler.spider, "syncs", None)
        if not isinstance(syncs, Syncs):
            raise ConfigurationError(
                f"the spider {getattr(crawler.spider, 'name', None)} has no sync: spiders of this project subclass"
                " datasync_spider.plugin.StreamSpider"
            )
        pipeline = cls(crawler, syncs, getattr(crawler.spider, "sync", None))
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
        if self._sync is None:
            return
        error = await self._syncs.open(self._sync)
        if error is None:
            return
        reported = self._syncs.reported(self._sync)
        if reported.refused is not None:
            self._crawler.stats.set_value(stats.REFUSED, reported.refused)
        if reported.detail is not None:
            self._crawler.stats.set_value(stats.REFUSED_DETAIL, reported.detail)
        raise CloseSpider(reported.refused or "stopped") from error

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, EventPage) and item.sync is not None:
            await item.sync.store(item)
        return item

    async def close_spider(self) -> None:
        if self._sync in self._syncs.present:
            await self._syncs.close(self._sync)
        await self._syncs.end()

    # What else becomes of a page

    async def _item_scraped(self, item: Any, response: Any = None, **_: Any) -> None:
        """What comes out of the item pipelines is the page, unless one of them has put something else in its place."""
        if response is None or (isinstance(item, EventPage) and item.sync is not None):
            return
        number, sync = response.meta.get("page_number"), response.meta["sync"]
        if isinstance(item, EventPage):
            # Another page, of whoever asked for the first one.
            await sync.store(item)
        elif number is not None and sync.is_waited_for(number):
            kind = type(item).__name__
            sync.fail(PageLost(f"an item pipeline has put an object of type {kind} in place of page {number}"))

    def _item_dropped(self, item: Any, response: Any = None, **_: Any) -> None:
        """An item pipeline wants nothing of this page: its events are filtered, its cursor counts."""
        if isinstance(item, EventPage) and response is not None:
            item.events, item.rejected = [], []
            # The sync is not closed before.
            asyncio.ensure_future(response.meta["sync"].store(item))  # noqa: RUF006

    def _item_error(self, item: Any, failure: Any, response: Any = None, **_: Any) -> None:
        if isinstance(item, EventPage) and response is not None:
            sync = response.meta["sync"]
            sync.fail(PageLost(f"an item pipeline failed on page {item.number}: {failure.value}"))

    # What others say

    def _run_failed(self, error: DatasyncError, sync: SliceSync, **_: Any) -> None:
        sync.fail(error)

    def _run_ending(self, reason: str, sync: SliceSync, **_: Any) -> None:
        """Nothing more is to be asked for."""
        engine = self._crawler.engine
        if sync is self._sync and engine.spider is not None:
            asyncio.ensure_future(engine.close_spider_async(reason=reason))  # noqa: RUF006 - the engine awaits it

    def _stop_requested(self, signal_name: str, **_: Any) -> None:
        self._syncs.stop(signal_name)

    def _wait_started(self, seconds: float, sync: SliceSync, **_: Any) -> None:
        sync.wait_begins(seconds)

    def _wait_asked(self, seconds: float, sync: SliceSync, *, is_binding: bool, **_: Any) -> None:
        sync.wait_asked(seconds, is_binding=is_binding)
