"""The spider that every stream is: asks for the pages that its syncs want, and hands each of them over.

Invariant: nothing is decided here; a sync says what is asked for (:mod:`datasync_spider.sync.slicesync`), each request
carries its sync, and what goes wrong with one is no other's business. The next request is yielded before the page, so
that fetching goes on while the page is parsed and written.

Requests have a callback and an errback as in any spider, so how many bytes of pages may be under way, and what a crawl
that is closed waits for, is Scrapy's business (docs/decisions/0029).
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import Request, Spider
from scrapy import signals as scrapy_signals
from scrapy.exceptions import CloseSpider

from datasync_spider import signals
from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError, DatasyncError
from datasync_spider.items import EventPage
from datasync_spider.observe import stats
from datasync_spider.records.headers import fill_headers, plain_headers
from datasync_spider.sources.spec import SlicesFromStream
from datasync_spider.spiders.reporting import CrawlReporter
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.planning import source_plans
from datasync_spider.sync.services import Services
from datasync_spider.sync.slicesync import SliceSync
from datasync_spider.sync.syncs import Reported, Syncs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from datasync_spider.records.page import Page
    from datasync_spider.sources.spec import Source
    from datasync_spider.sync.fetching import Ask
    from datasync_spider.sync.planning import MeantSlices

logger = logging.getLogger(__name__)

# Of the event loop, until Scrapy has taken a request through scheduler, middlewares and slot to the handler.
_TURNS_TO_LEAVE = 5
_MOST_BYTES = "SCRAPER_SLOT_MAX_ACTIVE_SIZE"


class StreamSpider(Spider):
    """Subclasses say what they crawl: ``source`` is one API, ``stream`` the name of one of its streams.

    A crawl is made for one sync, ``sync``, which is closed with it; or (``sync`` None) for those that
    :meth:`sync_slice` is given while it lasts. ``services``: what they are done with.
    """

    source: ClassVar[Source | None] = None
    stream: ClassVar[str] = ""

    def __init__(self, crawler: Crawler, plan: SyncPlan | None, config: Config, services: Services) -> None:
        super().__init__()
        self._signals = crawler.signals
        self._new_reporter = partial(CrawlReporter, crawler)
        self._first: asyncio.Queue[Request | None] = asyncio.Queue()
        self.config = config
        self.services = services
        self.syncs = Syncs(self._closed, lambda: crawler.stats.get_value(stats.EXPORTS_FAILED, {}))
        self._is_alone = plan is not None
        self.sync = None if plan is None else self._new_sync(plan)
        # Of one sync, of pages that are on their way to the writer.
        self._most_bytes = crawler.settings.getint(_MOST_BYTES)

    @classmethod
    def from_crawler(
        cls,
        crawler: Crawler,
        *args: Any,
        plan: SyncPlan | None = None,
        services: Services | None = None,
        places: int | None = None,
        **arguments: Any,
    ) -> Self:
        """``plan``: what is to be done, ``services``: what it is done with, where the caller has made them already.

        ``places``: how many syncs there may be at once, which come by :meth:`sync_slice`.
        """
        settings = crawler.settings
        if settings.get("JOBDIR"):
            logger.warning("JOBDIR is not used: where this spider goes on is kept by the database")
            settings.set("JOBDIR", None, priority="cmdline")
        if places is not None:
            config = Config.from_settings(settings)
            spider = super().from_crawler(crawler, *args, crawler, None, config, _services(crawler, config, services))
            # Each has so much for itself; one whose writer is slow must not use up what all have.
            settings.set(_MOST_BYTES, sys.maxsize, priority="cmdline")
            _widen(settings, cls._most_requests() * places)
            return spider
        if plan is None:
            plan = _only(cls.make_plans(settings, arguments))
        if plan.parallel > 1:
            _widen(settings, plan.parallel)
        spider = super().from_crawler(
            crawler, *args, crawler, plan, plan.config, _services(crawler, plan.config, services)
        )
        assert spider.sync is not None
        # All that is done in this crawl's tasks is done for it.
        spider.sync.enter()
        return spider

    @classmethod
    def _most_requests(cls) -> int:
        """How many a sync may have under way at once."""
        stream = None if cls.source is None else cls.source.streams.get(cls.stream)
        return 1 if stream is None else max(1, stream.incremental.parallel)

    @classmethod
    def make_plans(cls, settings: BaseSettings, arguments: Mapping[str, str]) -> list[SyncPlan]:
        """What crawls with these settings and arguments (``-a``) do, one for each slice.

        Raises ConfigurationError.
        """
        if cls.source is None:
            raise ConfigurationError(f"the spider {cls.name} has no source: give it one as its attribute source")
        if cls.stream not in cls.source.streams:
            there_are = ", ".join(cls.source.streams)
            raise ConfigurationError(
                f"the spider {cls.name} names the stream {cls.stream!r}; its source has {there_are}"
            )
        return source_plans(settings, cls.source, cls.stream, arguments)

    @classmethod
    def plans_meant(cls, settings: BaseSettings, arguments: Mapping[str, str], meant: MeantSlices) -> list[SyncPlan]:
        """As :meth:`make_plans`, of those slices alone that ``meant`` takes of the names of all."""
        planned_by = next(one for one in cls.__mro__ if "make_plans" in vars(one))
        if cls.source is not None and planned_by is StreamSpider:
            return source_plans(settings, cls.source, cls.stream, arguments, meant=meant)
        # Whoever plans by himself is asked for all.
        plans = cls.make_plans(settings, arguments)
        names = meant([plan.spec.slice for plan in plans])
        return [plan for plan in plans if plan.spec.slice in names]

    @classmethod
    def finds_slices(cls) -> bool:
        """Whether plans can be made only with the database, or at a cost, since slices do not stand in the source."""
        stream = None if cls.source is None else cls.source.streams.get(cls.stream)
        return stream is not None and stream.slices_from is not None

    @classmethod
    def parent(cls) -> str | None:
        """The name of the stream whose records this one's slices are made of."""
        stream = None if cls.source is None else cls.source.streams.get(cls.stream)
        origin = None if stream is None else stream.slices_from
        return f"{cls.source.name}.{origin.stream}" if cls.source and isinstance(origin, SlicesFromStream) else None

    async def sync_slice(self, plan: SyncPlan) -> Reported:
        """Syncs a slice beside all others that go on here, from its opening to its end.

        To be awaited in a task of its own, which works for it from then on.
        """
        sync = self._new_sync(plan)
        return await self.syncs.run(sync, partial(self._begin, sync))

    def end(self) -> None:
        """No more slices come: the crawl closes when those that there are have ended."""
        self._first.put_nowait(None)

    def _new_sync(self, plan: SyncPlan) -> SliceSync:
        reporter = self._new_reporter()
        sync = SliceSync(plan, self.services, reporter, is_alone=self._is_alone)
        reporter.sync = sync
        return sync

    def _begin(self, sync: SliceSync) -> None:
        for request in self._requests(sync, sync.first):
            self._first.put_nowait(request)

    async def _closed(self, sync: SliceSync, reported: Reported) -> None:
        await self._signals.send_catch_log_async(signals.sync_closed, sync=sync, reported=reported)

    async def start(self) -> AsyncIterator[Any]:
        if self.sync is None:
            while (request := await self._first.get()) is not None:
                yield request
            return
        if not self.sync.is_open:
            raise CloseSpider("no_run")
        for request in self._requests(self.sync, self.sync.first):
            yield request

    def parse(self, response: Response) -> AsyncIterator[Any]:
        """The requests that follow, and the page."""
        sync: SliceSync = response.meta["sync"]
        sync.enter()
        return self._taken_in(sync, response)

    async def _taken_in(self, sync: SliceSync, response: Response) -> AsyncIterator[Any]:
        if sync.is_over:
            sync.not_asked()
            return
        page: Page = response.meta["page"]
        item = _item(response, page)
        item.sync = sync
        ask, headers = response.meta["ask"], partial(plain_headers, response.headers)
        try:
            asks = await sync.answered(ask, page, item, headers)
        except DatasyncError as error:
            self._fail(sync, error)
            return
        requests = self._requests(sync, lambda: asks)
        # Where there is no room for another page the request comes behind this one, which waits for the writer; the
        # other syncs of the crawl go on.
        is_crowded = self.sync is None and sync.bytes_under_way > self._most_bytes
        if not is_crowded:
            for request in requests:
                yield request
        if requests and not is_crowded:
            # The API works on it while the page is parsed, which for a small page happens on this event loop. Where
            # there is no room for another page, the request waits in the scheduler, and this one goes on.
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)
        if item.number:
            response.meta["page_number"] = item.number
            cursor_seconds = page.cursor_expires_in_seconds if page.next_cursor is not None else None
            sync.observer.page_fetched(item, cursor_seconds)
            yield item
        if is_crowded:
            for request in requests:
                yield request

    def _not_answered(self, failure: Failure) -> AsyncIterator[Any]:
        """What is asked instead, where that is known."""
        request: Request = failure.request  # type: ignore[attr-defined] # Scrapy puts it there
        sync: SliceSync = request.meta["sync"]
        sync.enter()
        return self._instead(sync, request, failure.value)

    async def _instead(self, sync: SliceSync, request: Request, error: BaseException | None) -> AsyncIterator[Any]:
        if sync.is_over:
            sync.not_asked()
            return
        try:
            asks = await sync.not_answered(request.meta["ask"], error)
        except DatasyncError as final:
            self._fail(sync, final)
            return
        for again in self._requests(sync, lambda: asks):
            yield again

    def _fail(self, sync: SliceSync, error: DatasyncError) -> None:
        """The position stays where the last commit has put it. A crawl that is made for this sync is closed."""
        sync.fail(error)
        if sync is self.sync:
            raise CloseSpider(getattr(error, "reason", "failed")) from error

    def _requests(self, sync: SliceSync, asks: Callable[[], Sequence[Ask]]) -> list[Request]:
        """What asks for these; nothing where the sync fails by that."""
        try:
            return [self._request(sync, ask) for ask in asks()]
        except DatasyncError as error:
            self._fail(sync, error)
            return []

    def _request(self, sync: SliceSync, ask: Ask) -> Request:
        plan = sync.plan
        asked = plan.request(ask.cursor, since_us=ask.since_us, until_ms=ask.before_ms)
        request = Request(
            asked.url,
            method=asked.method,
            body=asked.body,
            callback=self.parse,
            errback=self._not_answered,
            dont_filter=True,
            meta={
                "sync": sync,
                "ask": ask,
                "asked": plan.asked(asked.url, ask.cursor),
                "page_number": ask.page_number,
                "is_conditional": bool(ask.conditions),
                # What is to be escaped has been, where the URL was made.
                "verbatim_url": True,
                # A search by POST changes nothing.
                "only_reads": True,
                "counts": _has_budget(plan),
            },
        )
        # Given to the constructor, they would take a quarter of its time.
        fill_headers(request.headers, sync.headers)
        for name, value in asked.headers:
            request.headers[name] = value
        for name, text in ask.conditions:
            request.headers[name] = text.encode("latin-1")
        return request


def _services(crawler: Crawler, config: Config, services: Services | None) -> Services:
    """Those that were handed in, or some of the crawl's own."""
    if services is not None:
        return services
    own = Services.of(config)
    crawler.signals.connect(lambda **_: own.close(), scrapy_signals.spider_closed, weak=False)
    return own


def _widen(settings: BaseSettings, requests: int) -> None:
    for name in ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"):
        settings.set(name, requests, priority="spider")


def _only(plans: Sequence[SyncPlan]) -> SyncPlan:
    if not plans:
        raise ConfigurationError("the stream has no slices now: none of the records is stored that they are made of")
    if len(plans) > 1:
        raise ConfigurationError(f"the stream {plans[0].spec.name} has {len(plans)} slices: name one with slice=…")
    return plans[0]


def _item(response: Response, page: Page) -> EventPage:
    """The page without its place in the run."""
    meta = response.meta
    return EventPage(
        number=0,
        chain=0,
        cursor=meta["ask"].cursor,
        next_cursor=None,
        received_events=len(page.raw_events),
        events=page,
        rejected=page,
        request_id=page.request_id,
        body_bytes=len(response.body),
        attempts=meta.get("attempts", 1),
        waited_ms=meta.get("waited_ms", 0),
        fetch_ms=round((time.monotonic() - meta["asked_at"]) * 1000),
        fetched_at=time.time(),
        total=page.total,
    )


def _has_budget(plan: SyncPlan) -> bool:
    """Whether its source declares how many requests are allowed."""
    return plan.source.budget is not None and plan.source.budget.requests is not None
