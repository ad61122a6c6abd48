"""Scrapy's download handler for http and https: its own, with the promises of :mod:`datasync_spider.transport.client`.

Invariant: a stop request ends what is under way within two seconds, and whatever goes wrong comes out in Scrapy's own
words, with ours as their cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

from datasync_spider import signals
from datasync_spider.errors import Stopped
from datasync_spider.observe import stats
from datasync_spider.sync.plan import plan_of
from datasync_spider.transport.errors import (
    BodyCut,
    BodyTooLarge,
    HttpError,
    NameNotFound,
    NotConnected,
    ProxyRefused,
)

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

_STOP_GRACE_SECONDS = 2.0
# Scrapy's own words for what may go wrong, which components of others understand.
_ERRORS: tuple[tuple[type[HttpError], type[Exception]], ...] = (
    (NameNotFound, CannotResolveHostError),
    (NotConnected, DownloadConnectionRefusedError),
    (ProxyRefused, DownloadConnectionRefusedError),
    (BodyCut, ResponseDataLossError),
    (HttpError, DownloadFailedError),
)


class HttpDownloadHandler:
    """In Scrapy's setting DOWNLOAD_HANDLERS."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        # By then it is imported, see commands/crawl.py: the database answers meanwhile.
        from datasync_spider.transport.client import HttpClient  # noqa: PLC0415

        plan = plan_of(crawler)
        self._signer = plan.authorization.signer
        self._crawler = crawler
        self._timeout = plan.timeout
        self._is_stopping = False
        self._client = HttpClient(crawler, self._timeout.value, plan.config.max_body_bytes, self._count_repeated)
        crawler.signals.connect(self._on_stop_requested, signals.stop_requested)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HttpDownloadHandler:
        return cls(crawler)

    async def download_request(self, request: Request) -> Response:
        """The response with its whole body.

        Raises Scrapy's download errors, SigningFailed, or Stopped where a stop request came and the answer not soon
        after it.
        """
        try:
            afresh = request.meta.get("afresh", False)
            return await self._client.ask(self._signed(request), afresh=afresh)
        except TimeoutError as error:
            if self._is_stopping:
                raise Stopped("stopped while fetching") from None
            allowed = f"the {self._timeout.value:g} s of {self._timeout.key}"
            raise DownloadTimeoutError(f"no whole answer within {allowed}") from error
        except BodyTooLarge as error:
            raise DownloadFailedError(f"{error} by API_MAX_BODY_BYTES: raise it, or lower API_PAGE_LIMIT") from error
        except HttpError as error:
            kind = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
            raise kind(str(error)) from error

    async def close(self) -> None:
        await self._client.close()

    def _signed(self, request: Request) -> Request:
        """Signed as it leaves: no wait comes in between, and no one else sees the signature."""
        if self._signer is None:
            return request
        url, headers = self._signer.sign(request.method, request.url, request.body)
        signed = request.replace(url=url)
        for name, value in headers:
            signed.headers[name] = value
        return signed

    def _on_stop_requested(self, **_: Any) -> None:
        self._is_stopping = True
        # What is nearly here is worth keeping: it needs no second request.
        self._client.shorten(_STOP_GRACE_SECONDS)

    def _count_repeated(self) -> None:
        self._crawler.stats.inc_value(stats.REQUESTS)
        self._crawler.stats.inc_value(stats.REPEATED)
