"""A crawl that slices of one stream join and leave: a crawler with its connections, however many there are.

Invariant: each sync that it was given ends, also where the crawl closes meanwhile or could not be made at all, and
where a component of somebody else's has dropped what it asks for. When no slice has come for a while it closes.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider.observe import stats
from datasync_spider.sync.syncs import Reported

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess, Crawler

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_LINGER_SECONDS = 30.0
_LOOK_SECONDS = 1.0


class StreamCrawl:
    """``spider``: the stream's class, as it was when the crawl was begun. ``places``: how many slices at once."""

    def __init__(self, process: AsyncCrawlerProcess, spider: type[Any], services: Services, places: int) -> None:
        self.spider = spider
        self.crawler = process.create_crawler(spider)
        self._has_ended = False
        self._waiting = 0
        self._lingering: asyncio.TimerHandle | None = None
        self._is_open = asyncio.Event()
        self.crawler.signals.connect(self._opened, scrapy_signals.spider_opened)
        # It works for none of the slices, whichever has it begun. What it raises is left to asyncio, which logs it.
        self.ended: asyncio.Task[None] = Context().run(process.crawl, self.crawler, services=services, places=places)
        looking = asyncio.get_running_loop().create_task(self._let_go_of_what_is_lost(), context=Context())
        self.ended.add_done_callback(lambda _: looking.cancel())

    @property
    def takes_more(self) -> bool:
        return not (self._has_ended or self.ended.done() or self._is_closing)

    @property
    def under_way(self) -> list[tuple[Reported, SyncPlan]]:
        """What is reported of its syncs by now."""
        spider: Any = self.crawler.spider
        return [] if spider is None else spider.syncs.under_way

    async def sync(self, plan: SyncPlan) -> Reported | None:
        """What is reported of the slice's sync when it is over; None where there could be none."""
        self._waiting += 1
        if self._lingering is not None:
            self._lingering.cancel()
        try:
            return await self._sync(plan)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._lingering = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.end)

    async def _sync(self, plan: SyncPlan) -> Reported | None:
        opened = asyncio.ensure_future(self._is_open.wait())
        await asyncio.wait((opened, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            opened.cancel()
            return reported_of(self.crawler)
        spider: Any = self.crawler.spider
        reported: Reported = await spider.sync_slice(plan)
        return reported

    def end(self) -> None:
        """No more slices come: it closes when those that it has have ended."""
        if self._lingering is not None:
            self._lingering.cancel()
        if not self._has_ended:
            self._has_ended = True
            spider: Any = self.crawler.spider
            if spider is not None:
                spider.end()

    def _opened(self, **_: Any) -> None:
        self._is_open.set()

    async def _let_go_of_what_is_lost(self) -> None:
        """Ends syncs that wait for an answer though nothing is under way, as a crawl of their own would end by itself.

        At the second look, since a first request may be on its way from the spider to the scheduler.
        """
        lost: set[SliceSync] = set()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            spider: Any = self.crawler.spider
            waiting = {sync for sync in spider.syncs.present if sync.is_open} if self._has_nothing_under_way else set()
            for sync in lost & waiting:
                sync.leave()
            lost = waiting

    @property
    def _has_nothing_under_way(self) -> bool:
        if not self._is_open.is_set():
            return False
        engine = self.crawler.engine
        scraper, scheduler = engine.scraper.slot, engine.scheduler
        if scraper is None or scheduler is None or not scraper.is_idle() or engine.downloader.active:
            return False
        return not scheduler.has_pending_requests()

    @property
    def _is_closing(self) -> bool:
        spider: Any = self.crawler.spider
        return spider is not None and spider.syncs.is_closing


def reported_of(crawler: Crawler) -> Reported | None:
    """What the stats report of the sync that a crawl was made for; None where its spider could not even be made."""
    try:
        found = crawler.stats.get_stats()
    except RuntimeError:
        return None
    return Reported(
        found.get(stats.RUN_ID),
        found.get(stats.REFUSED),
        found.get(stats.REFUSED_DETAIL),
        dict(found.get(stats.EXPORTS_FAILED, {})),
    )
