"""Follows next cursors through the feed and yields its pages, each with the cursor that follows it.

Invariant: the spider decides where to go on, never what is saved. It starts where the run was opened (signal
run_opened), numbers its pages without a gap, and yields the next request before the page, so that fetching goes on
while the page is parsed and written. Only an incremental pass looks before it leaps: whether the page at hand is
known decides whether there is a next request at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeVar

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider

from datasync_spider import signals, stats
from datasync_spider.api.endpoint import events_url
from datasync_spider.api.page import Page
from datasync_spider.config import Config
from datasync_spider.errors import (
    CursorExpired,
    DatasyncError,
    FatalError,
    RetriesExhausted,
    Stopped,
    StorageError,
    StorageUnavailable,
)
from datasync_spider.items import EventPage, lazy_views, page_fields
from datasync_spider.spiders.walk import Walk
from datasync_spider.storage.connect import connected
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.passdepth import PassDepth, read_pass_depth
from datasync_spider.storage.runs import OpenRun
from datasync_spider.waiting import Waiter
from datasync_spider.workers import Worker

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_LOOKUP_SECONDS = 20.0


class EventsSpider(Spider):
    """``scrapy crawl events``."""

    name = "events"

    def __init__(self, config: Config, **spider_arguments: Any) -> None:
        super().__init__()
        if spider_arguments:
            names = ", ".join(sorted(spider_arguments))
            raise ValueError(f"unknown spider argument -a {names}: this spider takes none, settings are given with -s")
        self._config = config
        self._run: OpenRun | None = None
        self._walk: Walk | None = None
        self._lookups = Worker("datasync-lookup")
        self._waiter: Waiter

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = cls(Config.from_settings(crawler.settings), *args, **kwargs)
        spider._set_crawler(crawler)
        spider._waiter = Waiter(crawler)
        crawler.signals.connect(spider._on_run_opened, signals.run_opened)
        return spider

    def _on_run_opened(self, run: OpenRun, **_: Any) -> None:
        self._run = run
        self._walk = Walk(run.resume)

    async def start(self) -> AsyncIterator[Any]:
        if self._walk is None:
            raise CloseSpider("no_run")
        try:
            cursor = self._walk.first_cursor()
        except FatalError as error:
            self._fail(error)
            raise CloseSpider(error.reason) from error
        yield self._request(cursor)

    def _request(self, cursor: str | None, until_ms: int | None = None) -> Request:
        config = self._config
        assert self._walk is not None
        return Request(
            events_url(config.base_url_text, config.page_limit, cursor, until_ms),
            callback=self.parse_page,
            errback=self.on_failure,
            headers={"Accept": "application/json"},
            dont_filter=True,
            meta={"cursor": cursor, "until_ms": until_ms, "page_number": self._walk.next_page},
        )

    async def parse_page(self, response: Response) -> AsyncIterator[Any]:
        """Yields the next request, if any, and then the page."""
        walk = self._walk
        assert walk is not None
        page: Page = response.meta["page"]
        meta = response.meta
        if walk.leaves_a_gap(page, meta["until_ms"]):
            logger.warning("the API filters by time in a way of its own; walking on from the head of the feed")
            yield self._request(None)
            return
        try:
            step = walk.step(page, meta["cursor"], meta["until_ms"])
        except DatasyncError as error:
            self._fail(error)
            raise CloseSpider(getattr(error, "reason", "failed")) from error
        item = self._item(response, page, step.number, step.walk)
        item.next_cursor = step.next_cursor
        item.expected_total = step.expected_total
        item.ends_pass = None if page.has_more else "last_page"
        if page.has_more and self._is_incremental and await self._is_known(item):
            item.ends_pass = "reached_known"
        self.crawler.signals.send_catch_log(
            signals.page_fetched, page=item, cursor_seconds=page.cursor_expires_in_seconds if page.has_more else None
        )
        logger.debug(
            "page %d: %d events in %d ms",
            item.number,
            item.received_events,
            item.fetch_ms,
            extra={"datasync": page_fields(item)},
        )
        if item.ends_pass is None:
            yield self._request(step.next_cursor)
        yield item

    @property
    def _is_incremental(self) -> bool:
        return self._run is not None and self._run.resume.pass_kind == "incremental"

    async def _is_known(self, item: EventPage) -> bool:
        run = self._run
        assert run is not None

        def look() -> bool:
            with connected(self._config.database_url_text) as connection:
                return is_known_entirely(connection, run.stream, item, run.resume.pass_started_at)

        try:
            return await self._answer(self._lookups.submit(look))
        except StorageError as error:
            # Not knowing costs requests, never events: walk on.
            logger.warning("could not ask whether page %d is known, walking on: %s", item.number, error)
            return False

    def _item(self, response: Response, page: Page, number: int, walk: int) -> EventPage:
        meta = response.meta
        events, rejected = lazy_views(page)
        return EventPage(
            number=number,
            walk=walk,
            cursor=meta["cursor"],
            next_cursor=None,
            received_events=len(page.raw_events),
            events=events,
            rejected=rejected,
            request_id=page.request_id,
            body_bytes=len(response.body),
            attempts=meta.get("attempts", 1),
            waited_ms=meta.get("waited_ms", 0),
            fetch_ms=round((time.monotonic() - meta["asked_at"]) * 1000),
            fetched_at=time.time(),
        )

    async def on_failure(self, failure: Failure) -> AsyncIterator[Any]:
        """A request that brought no page: an expired cursor starts a new walk, anything else ends the run."""
        error = failure.value
        walk = self._walk
        assert walk is not None
        if isinstance(error, Stopped):
            return
        if isinstance(error, CursorExpired) and self._asked_with_cursor(failure):
            try:
                yield await self._restart(walk)
            except FatalError as refused:
                self._fail(refused)
                raise CloseSpider(refused.reason) from refused
            return
        if not isinstance(error, DatasyncError):
            error = RetriesExhausted(type(error).__name__, f"an error that is not retried ({error})")
        self._fail(error)
        raise CloseSpider(getattr(error, "reason", "failed"))

    @staticmethod
    def _asked_with_cursor(failure: Failure) -> bool:
        # Scrapy hangs the request on the failure.
        request: Request = getattr(failure, "request")  # noqa: B009
        return request.meta["cursor"] is not None

    async def _restart(self, walk: Walk) -> Request:
        collector = self.crawler.stats
        depth = await self._depth()
        walk.restart(depth.accounted if depth else None)
        until_ms = walk.until_ms(depth.oldest_ms, depth.newest_ms) if depth else None
        logger.warning(
            "the cursor has expired; walking on from %s",
            "the oldest stored event of this pass, if the API can filter by time"
            if until_ms
            else "the head of the feed",
        )
        collector.inc_value(stats.RESTARTS_FROM_HEAD)
        self.crawler.signals.send_catch_log(signals.walk_restarted, walk=walk.number)
        return self._request(None, until_ms)

    async def _depth(self) -> PassDepth | None:
        def look() -> PassDepth:
            with connected(self._config.database_url_text) as connection:
                return read_pass_depth(connection, self._config.stream)

        try:
            return await self._answer(self._lookups.submit(look))
        except StorageError as error:
            logger.warning("could not ask how deep this pass is, starting from the head: %s", error)
            return None

    async def _answer(self, lookup: asyncio.Future[_T]) -> _T:
        """What the database says. Raises StorageUnavailable where it takes too long, or where a stop is requested."""
        stopped = asyncio.ensure_future(self._waiter.wait_for_stop())
        await asyncio.wait((lookup, stopped), timeout=_LOOKUP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not lookup.done():
            raise StorageUnavailable("PostgreSQL did not answer in time")
        return lookup.result()

    def _fail(self, error: DatasyncError) -> None:
        self.crawler.signals.send_catch_log(signals.run_failed, error=error)
