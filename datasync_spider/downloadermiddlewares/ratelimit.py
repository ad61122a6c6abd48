"""Spaces requests by what the server tells of its rate window; the arithmetic is in :mod:`datasync_spider.pacing`.

Headers are read when they arrive, not when the body is whole: the seconds they tell count from there.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.headers import plain_headers
from datasync_spider.pacing.headers import read_rate_headers, read_retry_after
from datasync_spider.pacing.window import RateWindow
from datasync_spider.throttle import Throttle
from datasync_spider.waiting import Waiter

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Headers

    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)

_REASON = "rate_window"
_TELL_EVERY_SECONDS = 0.05


class RateLimitMiddleware:
    """One window a crawl: one key, one bucket."""

    def __init__(self, crawler: Crawler, waiter: Waiter, window: RateWindow) -> None:
        self._crawler = crawler
        self._waiter = waiter
        self._window = window
        self._throttle = Throttle(_TELL_EVERY_SECONDS)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler, Waiter(crawler), RateWindow())
        crawler.signals.connect(middleware._headers_received, scrapy_signals.headers_received)
        crawler.signals.connect(middleware._run_opened, signals.run_opened)
        return middleware

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        # What the API told an earlier run binds this one as well.
        if run.closed_seconds > 0:
            self._window.rate_limited(run.closed_seconds, time.monotonic())

    async def process_request(self, request: Request) -> None:
        while (seconds := self._window.wait_seconds(time.monotonic())) > 0:
            level = logging.INFO if seconds >= 1 else logging.DEBUG
            fields = {"page_number": request.meta.get("page_number")}
            waited_ms = await self._waiter.wait(seconds, _REASON, level, fields)
            request.meta["waited_ms"] = request.meta.get("waited_ms", 0) + waited_ms
        now = time.monotonic()
        self._window.request_sent(now)
        # A page's fetch time counts from here; what was waited before is told as waited.
        request.meta["asked_at"] = now

    def _headers_received(self, headers: Headers, **_: Any) -> None:
        now = time.monotonic()
        plain = plain_headers(headers)
        told = read_rate_headers(plain, time.time())
        self._window.observe(told, now)
        # A window that is used up is what a wait will be explained by.
        if self._throttle.lets_through(now, always=self._window.remaining == 0):
            self._crawler.signals.send_catch_log(
                signals.rate_window_observed,
                limit=self._window.limit,
                remaining=self._window.remaining,
                reset_seconds=told.reset_after_seconds,
            )
        if "retry-after" in plain:
            wait_seconds = read_retry_after(plain, b"", time.time())
            if wait_seconds:
                self._window.rate_limited(wait_seconds, now)
