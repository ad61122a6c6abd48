"""Asks by Scrapy's own client, and promises what that does not.

Invariant: a body comes out whole or not at all, and never larger than allowed, decompressed or not; one limit of time
covers everything up to its last byte. TLS is verified, and redirects are not followed. A connection that was idle for
long is not used again. A request is sent a second time only where it asks for nothing to be changed, went out on a
connection that had been kept, and no byte of an answer came: the server had closed it, which shows only in this way.
One that counts is not even then: whoever counts it must see each that leaves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler

from datasync_spider.transport.coding import ACCEPTED, decoded, ends_by_itself
from datasync_spider.transport.errors import BodyCut, ConnectionLost, HeadCut, HttpError, NotHttp, NotTrusted
from datasync_spider.transport.places import Way, way_to
from datasync_spider.transport.reactor import prepare_reactor
from datasync_spider.transport.secondlook import other_protocol, why_refused
from datasync_spider.transport.trouble import trouble

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_STATUSES = range(200, 1000)
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
ONLY_READS = "only_reads"
"""In ``request.meta``: the request asks for nothing to be changed, whatever its method is called."""
COUNTS = "counts"
"""In ``request.meta``: only so many may leave in a time, and the server may have counted one that it did not answer."""
# Ours ends it before; it also limits a connection that is given up while it is being made.
_BEYOND_OURS_SECONDS = 1.0


class HttpClient:
    """Used from the reactor's event loop. ``max_body_bytes``: of an answer, decompressed or not.

    ``report_repeated`` is called before a request is sent for a second time.
    """

    def __init__(
        self, crawler: Crawler, seconds: float, max_body_bytes: int, report_repeated: Callable[[], None] | None = None
    ) -> None:
        prepare_reactor()
        # Its warnings say how to switch off what is promised here; what they warn of is an error of ours.
        logging.getLogger(HTTP11DownloadHandler.__module__).setLevel(logging.ERROR)
        self._crawler = crawler
        self._seconds = seconds
        self._max_body_bytes = max_body_bytes
        self._report_repeated = report_repeated
        self._scrapys = HTTP11DownloadHandler(crawler)
        self._may_be_kept = False
        self._under_way: dict[asyncio.Timeout, Hashable] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, request: Request, *, afresh: bool = False, whose: Hashable = None) -> Response:
        """The whole answer. ``afresh``: over no kept connection. ``whose``: for :meth:`shorten`.

        Raises an HttpError, TimeoutError, or ValueError for a URL or a proxy that cannot be used.
        """
        way = way_to(request.url, request.meta.get("proxy"))
        request.headers.setdefault("Accept-Encoding", ACCEPTED)
        request.meta["download_maxsize"] = self._max_body_bytes
        request.meta["download_timeout"] = self._seconds + _BEYOND_OURS_SECONDS
        if afresh:
            self._renew()
        limit = asyncio.timeout(self._seconds)
        self._under_way[limit] = whose
        try:
            async with limit:
                response = await self._exchange(request, way)
        finally:
            del self._under_way[limit]
        return response

    def shorten(self, seconds: float, of: Hashable = None) -> None:
        """What is under way has no more than this from now on, and what begins has it from its beginning.

        ``of``: that which is under way for this one alone.
        """
        if of is None:
            self._seconds = min(self._seconds, seconds)
        latest = asyncio.get_running_loop().time() + seconds
        for limit, whose in self._under_way.items():
            if of is not None and whose is not of:
                continue
            if not limit.expired() and ((end := limit.when()) is None or end > latest):
                limit.reschedule(latest)

    async def close(self) -> None:
        self._renew()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._scrapys.close()

    async def _exchange(self, request: Request, way: Way) -> Response:
        may_be_kept = self._may_be_kept
        try:
            response = await self._answer(request, way)
        except ConnectionLost:
            if not may_be_kept or not _only_reads(request):
                raise
            self._renew()
            if request.meta.get(COUNTS):
                raise
            if self._report_repeated is not None:
                self._report_repeated()
            response = await self._answer(request, way)
        self._may_be_kept = True
        return self._whole(response)

    async def _answer(self, request: Request, way: Way) -> Response:
        try:
            return await self._scrapys.download_request(request)
        except Exception as error:
            ours = trouble(error, way.first, self._max_body_bytes)
            if ours is None:
                raise
            raise await self._looked_at(ours, way) from error

    async def _looked_at(self, error: HttpError, way: Way) -> HttpError:
        """The same error, or a better one."""
        if way.proxy is None and isinstance(error, NotTrusted):
            refusal = await why_refused(way.place)
            return error if refusal is None else NotTrusted(f"no TLS with {way.first}: {refusal}", refusal)
        if way.proxy is None and isinstance(error, HeadCut):
            return await other_protocol(way.place) or error
        return error

    def _whole(self, response: Response) -> Response:
        protocol = response.protocol or ""
        if not protocol.upper().startswith("HTTP/1.") or response.status not in _STATUSES:
            raise NotHttp(f"what came is not HTTP: its first line has {protocol[:60]!r} and {response.status}")
        coding = b",".join(response.headers.getlist("Content-Encoding"))
        if coding and response.body:
            response = response.replace(body=decoded(response.body, coding.decode("latin-1"), self._max_body_bytes))
        if "partial" in response.flags and not ends_by_itself(response.body):
            raise BodyCut("the connection was closed, no length had been announced, and the body has no end")
        return response

    def _renew(self) -> None:
        """What is kept is used no more."""
        if not self._may_be_kept:
            return
        task = asyncio.get_running_loop().create_task(self._scrapys.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self._scrapys = HTTP11DownloadHandler(self._crawler)
        self._may_be_kept = False


def _only_reads(request: Request) -> bool:
    return request.method in _CHANGES_NOTHING or bool(request.meta.get(ONLY_READS))
