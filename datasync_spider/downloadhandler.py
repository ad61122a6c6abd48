"""Downloads over HTTP with aiohttp: keep-alive, the time limit covers the body, and a stop request ends it.

Invariant: a body comes out whole or not at all, never larger than allowed, also after decompression. TLS is verified
against the system's authorities; redirects are not followed, so the API key goes nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp
from scrapy import signals as scrapy_signals
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Headers, Response

from datasync_spider import signals
from datasync_spider.config import Config
from datasync_spider.errors import Stopped

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

_STOP_GRACE_SECONDS = 2.0


class HttpDownloadHandler:
    """Scrapy's download handler for http and https."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        config = Config.from_settings(crawler.settings)
        self._crawler = crawler
        self._max_body_bytes = config.max_body_bytes
        self._timeout = aiohttp.ClientTimeout(total=config.timeout_ms / 1000)
        self._is_stopping = False
        self._under_way: set[asyncio.Timeout] = set()
        crawler.signals.connect(self._on_stop_requested, signals.stop_requested)
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            # A page comes in one piece of some megabytes; small buffers only make more turns of the loop.
            read_bufsize=1 << 20,
            auto_decompress=True,
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HttpDownloadHandler:
        return cls(crawler)

    async def download_request(self, request: Request) -> Response:
        """The response with its whole body.

        Raises Scrapy's download errors, or Stopped where a stop request came and the answer not soon after it.
        """
        limit = asyncio.timeout(_STOP_GRACE_SECONDS if self._is_stopping else None)
        try:
            async with limit:
                self._under_way.add(limit)
                return await self._download(request)
        except TimeoutError:
            raise Stopped("stopped while fetching") from None
        finally:
            self._under_way.discard(limit)

    def _on_stop_requested(self, **_: Any) -> None:
        self._is_stopping = True
        # What is nearly here is worth keeping: it needs no second request.
        latest = asyncio.get_running_loop().time() + _STOP_GRACE_SECONDS
        for limit in self._under_way:
            limit.reschedule(latest)

    async def _download(self, request: Request) -> Response:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in request.headers.items()
            for value in values
        ]
        started = time.monotonic()
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                proxy=request.meta.get("proxy"),
            ) as answer:
                request.meta["download_latency"] = time.monotonic() - started
                received = Headers(list(answer.headers.items()))
                self._crawler.signals.send_catch_log(
                    scrapy_signals.headers_received,
                    headers=received,
                    body_length=answer.content_length,
                    request=request,
                    spider=self._crawler.spider,
                )
                body = await self._read(answer)
        except TimeoutError as error:
            raise DownloadTimeoutError(f"no whole answer within {self._timeout.total} s") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise CannotResolveHostError(str(error)) from error
        except aiohttp.ClientConnectorError as error:
            raise DownloadConnectionRefusedError(str(error)) from error
        except aiohttp.ClientPayloadError as error:
            raise ResponseDataLossError(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise DownloadFailedError(f"{type(error).__name__}: {error}") from error
        return Response(request.url, status=answer.status, headers=received, body=body, request=request)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        limit = self._max_body_bytes
        if answer.content_length is not None and answer.content_length > limit:
            raise DownloadFailedError(f"the body of {answer.content_length} bytes exceeds API_MAX_BODY_BYTES={limit}")
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise DownloadFailedError(f"the body exceeds API_MAX_BODY_BYTES={limit}")
            chunks.append(chunk)
        return b"".join(chunks)

    async def close(self) -> None:
        await self._session.close()
