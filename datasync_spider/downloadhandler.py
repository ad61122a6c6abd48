"""Downloads over HTTP: the time limit covers the body, and a stop request ends it.

Invariant: a body comes out whole or not at all, never larger than allowed, also after decompression. TLS is verified
against the system's authorities; redirects are not followed, so the API key goes nowhere else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

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
from datasync_spider.headers import fill_headers, header_pairs
from datasync_spider.http1.client import HttpClient
from datasync_spider.http1.errors import (
    BodyCut,
    BodyTooLarge,
    HttpError,
    NameNotFound,
    NotConnected,
    NotTls,
    NotTrusted,
    ProxyRefused,
    TlsFailed,
)
from datasync_spider.timelimits import TimeLimits

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.http1.answer import AnswerReader

_STOP_GRACE_SECONDS = 2.0
# Scrapy's own words for what may go wrong, which components of others understand.
_ERRORS: dict[type[HttpError], type[Exception]] = {
    NameNotFound: CannotResolveHostError,
    NotConnected: DownloadConnectionRefusedError,
    TlsFailed: DownloadConnectionRefusedError,
    NotTrusted: DownloadConnectionRefusedError,
    NotTls: DownloadConnectionRefusedError,
    ProxyRefused: DownloadConnectionRefusedError,
    BodyCut: ResponseDataLossError,
}


class HttpDownloadHandler:
    """Scrapy's download handler for http and https."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        config = Config.from_settings(crawler.settings)
        self._crawler = crawler
        self._timeout_seconds = config.timeout_ms / 1000
        self._is_stopping = False
        self._limits = TimeLimits(self._timeout_seconds)
        self._client = HttpClient(config.max_body_bytes)
        crawler.signals.connect(self._on_stop_requested, signals.stop_requested)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HttpDownloadHandler:
        return cls(crawler)

    async def download_request(self, request: Request) -> Response:
        """The response with its whole body.

        Raises Scrapy's download errors, or Stopped where a stop request came and the answer not soon after it.
        """
        limit = self._limits.begin()
        try:
            async with limit:
                return await self._download(request)
        except TimeoutError as error:
            if self._is_stopping:
                raise Stopped("stopped while fetching") from None
            allowed = f"the {self._timeout_seconds:g} s of API_TIMEOUT_MS"
            raise DownloadTimeoutError(f"no whole answer within {allowed}") from error
        except BodyTooLarge as error:
            raise DownloadFailedError(f"{error} by API_MAX_BODY_BYTES: raise it, or lower API_PAGE_LIMIT") from error
        except HttpError as error:
            raise _ERRORS.get(type(error), DownloadFailedError)(str(error)) from error
        finally:
            self._limits.end(limit)

    def _on_stop_requested(self, **_: Any) -> None:
        self._is_stopping = True
        # What is nearly here is worth keeping: it needs no second request.
        self._limits.shorten(_STOP_GRACE_SECONDS)

    async def _download(self, request: Request) -> Response:
        started = time.monotonic()
        received = Headers()

        def tell_headers(answer: AnswerReader) -> None:
            request.meta["download_latency"] = time.monotonic() - started
            fill_headers(received, answer.headers)
            self._crawler.signals.send_catch_log(
                scrapy_signals.headers_received,
                headers=received,
                body_length=answer.content_length,
                status=answer.status,
                request=request,
                spider=self._crawler.spider,
            )

        answer = await self._client.ask(
            request.method,
            request.url,
            header_pairs(request.headers),
            request.body,
            proxy_url=request.meta.get("proxy"),
            on_head=tell_headers,
            afresh=request.meta.get("afresh", False),
        )
        response = Response(request.url, status=answer.status, body=answer.body(), request=request)
        # Given to the constructor, they would be read once more.
        response.headers = received
        return response

    async def close(self) -> None:
        self._limits.close()
        self._client.close()
