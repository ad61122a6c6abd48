"""A downloader for a chain: one request at a time, straight through the middlewares to the handler.

Scrapy's own sorts requests by host into slots with queues, delays and timers of their own, and each passes through the
engine and several tasks on its way. A chain has one request, and a small page takes less time than all that. Where the
settings ask for what slots are for, Scrapy's own way is taken.

Invariant: middlewares, handlers and signals are Scrapy's own, in Scrapy's order.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from scrapy import Request, signals
from scrapy.core.downloader import Downloader
from scrapy.core.downloader.handlers import DownloadHandlers
from twisted.internet.defer import Deferred

from datasync_spider.quickmiddlewares import QuickMiddlewares

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response


_UNTIL = "datasync_busy_until"


class _Done(Exception):
    """What comes of the request that stands for all."""


class _Handlers(DownloadHandlers):
    """Scrapy's own, without the parsing of each URL: its scheme is what stands before the first colon."""

    async def download_request_async(self, request: Request) -> Response:
        scheme = request.url.partition(":")[0]
        handler = self._get_handler(scheme)
        if handler is None or scheme in self._old_style_handlers:
            return await super().download_request_async(request)
        return await handler.download_request(request)


class ChainDownloader(Downloader):
    """In Scrapy's setting DOWNLOADER."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        # Another one would make handlers of others a second time, and leave the first ones open.
        self.handlers.__class__ = _Handlers
        self.middleware = QuickMiddlewares.of(self.middleware, crawler)
        settings = crawler.settings
        self._needs_slots = bool(
            settings.getfloat("DOWNLOAD_DELAY")
            or settings.getdict("DOWNLOAD_SLOTS")
            or settings.getbool("AUTOTHROTTLE_ENABLED")
        )

    async def ask(self, request: Request) -> Response:
        """The response, as the engine's ``download_async`` gives it, which this takes the place of.

        The engine knows nothing of the request; :meth:`busy_until` is to be running.
        """
        if self._needs_slots:
            return await self.crawler.engine.download_async(request)
        while True:
            self.active.add(request)
            try:
                result = await self.middleware.download_async(self._send, request)
            finally:
                self.active.remove(request)
            if not isinstance(result, Request):
                break
            request = result
        result.request = request
        self.signals.send_catch_log(
            signals.response_received, response=result, request=request, spider=self.crawler.spider
        )
        return result

    async def busy_until(self, done: asyncio.Future[None]) -> None:
        """Keeps the engine from closing what requests and pages go through until ``done`` is.

        What an engine waits for, and all that it waits for, is requests: one that is never sent stands for all.
        """
        with contextlib.suppress(_Done):
            await self.crawler.engine.download_async(Request("about:chain", meta={_UNTIL: done}))

    def fetch(self, request: Request, spider: Spider | None = None) -> Deferred[Response | Request]:
        """What the middlewares make of the response. Called by the engine."""
        done: asyncio.Future[None] | None = request.meta.get(_UNTIL)
        return super().fetch(request) if done is None else Deferred.fromFuture(asyncio.ensure_future(_when(done)))

    async def _send(self, request: Request) -> Response:
        tell = partial(self.signals.send_catch_log, request=request, spider=self.crawler.spider)
        tell(signals.request_reached_downloader)
        try:
            response = await self.handlers.download_request_async(request)
            tell(signals.response_downloaded, response=response)
            return response
        finally:
            tell(signals.request_left_downloader)


async def _when(done: asyncio.Future[None]) -> Response | Request:
    await asyncio.wait((done,))
    # After a stop nobody else takes notice of how it ended, and asyncio would complain.
    done.exception()
    raise _Done
