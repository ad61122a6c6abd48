"""Lets a request leave when its credential's pace allows it: one pace for all syncs of the crawl that have it.

Headers are read when they arrive, not when the body is whole: the seconds in them count from there. What the status
adds to them is known a little later, when Scrapy gives the whole response. What is made of both is in
:mod:`.pace`. Invariant: no credential waits for another one's limits, and none is kept when its last sync is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import IgnoreRequest

from datasync_spider import signals
from datasync_spider.downloadermiddlewares.pace import Pace

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Headers, Response

    from datasync_spider.pacing.askedwaits import Closed
    from datasync_spider.pacing.headers import AskedWait
    from datasync_spider.sources.credential import Credential
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.slicesync import SliceSync

_PACE = "pace"
"""In ``request.meta``: that by which it has left."""


class RateLimitMiddleware:
    """See the module's text."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._paces: dict[Credential, Pace] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware._headers_received, scrapy_signals.headers_received)
        crawler.signals.connect(middleware._response_downloaded, scrapy_signals.response_downloaded)
        crawler.signals.connect(middleware._request_left, scrapy_signals.request_left_downloader)
        crawler.signals.connect(middleware._page_asked_wait, signals.page_asked_wait)
        crawler.signals.connect(middleware._run_opened, signals.run_opened)
        crawler.signals.connect(middleware._wait_asked, signals.wait_asked)
        crawler.signals.connect(middleware._wait_learned, signals.wait_learned)
        crawler.signals.connect(middleware._stop_requested, signals.stop_requested)
        crawler.signals.connect(middleware._sync_closed, signals.sync_closed)
        return middleware

    async def process_request(self, request: Request) -> None:
        sync: SliceSync = request.meta["sync"]
        await sync.have_capacity()
        pace = self._pace_of(sync)
        if pace is None:
            raise IgnoreRequest("its sync is over")
        await pace.let_go(request)
        request.meta[_PACE] = pace

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """Of one that a later middleware has kept from the downloader no one says that it has left it."""
        self._request_left(request)

    def _request_left(self, request: Request, **_: Any) -> None:
        if (pace := request.meta.get(_PACE)) is not None:
            pace.left(request)

    def _headers_received(self, headers: Headers, request: Request, **_: Any) -> None:
        if (pace := request.meta.get(_PACE)) is not None:
            pace.headers_received(headers, request)

    def _response_downloaded(self, response: Response, request: Request, **_: Any) -> None:
        if (pace := request.meta.get(_PACE)) is not None:
            pace.downloaded(request, response.status)

    # What is heard of syncs

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        credential = sync.plan.spec.credential
        if credential not in self._paces:
            self._paces[credential] = Pace.of(self._crawler, sync.plan)
        self._paces[credential].run_opened(run, sync)

    async def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        pace = self._pace_of(sync)
        if pace is None:
            return
        pace.syncs.discard(sync)
        if not pace.syncs:
            del self._paces[sync.plan.spec.credential]
            await pace.close()

    def _page_asked_wait(self, asked: AskedWait, sync: SliceSync, **_: Any) -> None:
        if (pace := self._pace_of(sync)) is not None:
            pace.page_asked_wait(asked)

    def _wait_asked(self, sync: SliceSync, seconds: float, *, is_binding: bool, **_: Any) -> None:
        if (pace := self._pace_of(sync)) is not None:
            pace.wait_asked(seconds, is_binding=is_binding)

    def _wait_learned(self, closed: Closed, sync: SliceSync, **_: Any) -> None:
        if (pace := self._pace_of(sync)) is not None:
            pace.learned(closed)

    def _pace_of(self, sync: SliceSync) -> Pace | None:
        """None where none of those that are open has its credential."""
        return self._paces.get(sync.plan.spec.credential)

    def _stop_requested(self, **_: Any) -> None:
        for pace in self._paces.values():
            pace.stop()
