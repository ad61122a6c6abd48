"""The spider that every stream is: asks for the pages that its sync wants, and hands each of them over.

Invariant: nothing is decided here; the sync says what is asked for (:mod:`datasync_spider.sync.slicesync`). The next
request is yielded before the page, so that fetching goes on while the page is parsed and written.

Requests have a callback and an errback as in any spider, so how many bytes of pages may be under way, and what a crawl
that is closed waits for, is Scrapy's business (docs/decisions/0029).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider

from datasync_spider.errors import ConfigurationError, DatasyncError
from datasync_spider.items import EventPage
from datasync_spider.records.headers import fill_headers, plain_headers
from datasync_spider.sources.spec import SlicesFromStream
from datasync_spider.spiders.reporting import CrawlReporter
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.planning import source_plans
from datasync_spider.sync.slicesync import SliceSync
from datasync_spider.sync.storage import SliceStorage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from datasync_spider.records.page import Page
    from datasync_spider.sources.spec import Source
    from datasync_spider.sync.fetching import Ask
    from datasync_spider.sync.observer import Observer

logger = logging.getLogger(__name__)

# Of the event loop, until Scrapy has taken a request through scheduler, middlewares and slot to the handler.
_TURNS_TO_LEAVE = 5


class StreamSpider(Spider):
    """Subclasses say what they crawl: ``source`` is one API, ``stream`` the name of one of its streams.

    ``plan``: what this crawl does, for all that take part in it. ``sync``: what does it.
    """

    source: ClassVar[Source | None] = None
    stream: ClassVar[str] = ""

    def __init__(self, plan: SyncPlan, observer: Observer) -> None:
        super().__init__()
        self.plan = plan
        self.sync = SliceSync(plan, SliceStorage(plan), observer)
        self._observer = observer
        self._headers = tuple((name.encode(), value.encode()) for name, value in plan.headers)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, plan: SyncPlan | None = None, **arguments: Any) -> Self:
        """``plan``: what is to be done, where the caller has made it already."""
        if crawler.settings.get("JOBDIR"):
            logger.warning("JOBDIR is not used: where this spider goes on is kept by the database")
            crawler.settings.set("JOBDIR", None, priority="cmdline")
        if plan is None:
            plan = _only(cls.make_plans(crawler.settings, arguments))
        if plan.parallel > 1:
            for name in ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"):
                crawler.settings.set(name, plan.parallel, priority="spider")
        return super().from_crawler(crawler, *args, plan, CrawlReporter(crawler))

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

    async def start(self) -> AsyncIterator[Any]:
        if not self.sync.is_open:
            raise CloseSpider("no_run")
        try:
            requests = [self._request(ask) for ask in self.sync.first()]
        except DatasyncError as error:
            self._fail(error)
        for request in requests:
            yield request

    async def parse(self, response: Response) -> AsyncIterator[Any]:
        """The requests that follow, and the page."""
        page: Page = response.meta["page"]
        item = _item(response, page)
        try:
            ask, headers = response.meta["ask"], partial(plain_headers, response.headers)
            asks = await self.sync.answered(ask, page, item, headers)
            requests = [self._request(ask) for ask in asks]
        except DatasyncError as error:
            self._fail(error)
        for request in requests:
            yield request
        if requests:
            # The API works on it while the page is parsed, which for a small page happens on this event loop. Where
            # there is no room for another page, the request waits in the scheduler, and this one goes on.
            for _ in range(_TURNS_TO_LEAVE):
                await asyncio.sleep(0)
        if item.number:
            response.meta["page_number"] = item.number
            cursor_seconds = page.cursor_expires_in_seconds if page.next_cursor is not None else None
            self._observer.page_fetched(item, cursor_seconds)
            yield item

    async def _not_answered(self, failure: Failure) -> AsyncIterator[Any]:
        """What is asked instead, where that is known."""
        request: Request = failure.request  # type: ignore[attr-defined] # Scrapy puts it there
        try:
            asks = await self.sync.not_answered(request.meta["ask"], failure.value)
            instead = [self._request(ask) for ask in asks]
        except DatasyncError as error:
            self._fail(error)
        for again in instead:
            yield again

    def _fail(self, error: DatasyncError) -> NoReturn:
        """The position stays where the last commit has put it."""
        self.sync.fail(error)
        raise CloseSpider(getattr(error, "reason", "failed")) from error

    def _request(self, ask: Ask) -> Request:
        asked = self.plan.request(ask.cursor, since_us=ask.since_us, until_ms=ask.before_ms)
        request = Request(
            asked.url,
            method=asked.method,
            body=asked.body,
            callback=self.parse,
            errback=self._not_answered,
            dont_filter=True,
            meta={
                "ask": ask,
                "asked": self.plan.asked(asked.url, ask.cursor),
                "page_number": ask.page_number,
                "is_conditional": bool(ask.conditions),
                # What is to be escaped has been, where the URL was made.
                "verbatim_url": True,
                # A search by POST changes nothing.
                "only_reads": True,
                "counts": _has_budget(self.plan),
            },
        )
        # Given to the constructor, they would take a quarter of its time.
        fill_headers(request.headers, self._headers)
        for name, value in asked.headers:
            request.headers[name] = value
        for name, text in ask.conditions:
            request.headers[name] = text.encode("latin-1")
        return request


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
