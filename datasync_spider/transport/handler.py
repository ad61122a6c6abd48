"""Scrapy's download handler for http and https: its own, with the promises of :mod:`datasync_spider.transport.client`.

Invariant: a stop request ends what is under way within two seconds, and a sync that fails what is under way for it;
whatever goes wrong comes out in Scrapy's own words, with ours as their cause.
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

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync
    from datasync_spider.transport.client import HttpClient

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
        self._crawler = crawler
        self._made: HttpClient | None = None
        crawler.signals.connect(self._on_stop_requested, signals.stop_requested)
        crawler.signals.connect(self._on_run_ending, signals.run_ending)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HttpDownloadHandler:
        return cls(crawler)

    async def download_request(self, request: Request) -> Response:
        """The response with its whole body.

        Raises Scrapy's download errors, SigningFailed, or Stopped where a stop request came, or its sync failed, and
        the answer not soon after it.
        """
        sync: SliceSync = request.meta["sync"]
        sync.enter()
        plan = sync.plan
        try:
            afresh = request.meta.get("afresh", False)
            return await self._client(plan).ask(_signed(plan, request), afresh=afresh, whose=sync)
        except TimeoutError as error:
            if sync.halted.is_set():
                raise Stopped("stopped while fetching") from None
            allowed = f"the {plan.timeout.value:g} s of {plan.timeout.key}"
            raise DownloadTimeoutError(f"no whole answer within {allowed}") from error
        except BodyTooLarge as error:
            raise DownloadFailedError(f"{error} by API_MAX_BODY_BYTES: raise it, or lower API_PAGE_LIMIT") from error
        except HttpError as error:
            kind = next(theirs for ours, theirs in _ERRORS if isinstance(error, ours))
            raise kind(str(error)) from error

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()

    def _client(self, plan: SyncPlan) -> HttpClient:
        """``plan``: of any slice of the crawl's stream, for all have the same limits."""
        if self._made is None:
            # By then it is imported, see commands/crawl.py: the database answers meanwhile.
            from datasync_spider.transport.client import HttpClient  # noqa: PLC0415

            config = plan.config
            self._made = HttpClient(self._crawler, plan.timeout.value, config.max_body_bytes, self._count_repeated)
        return self._made

    def _on_stop_requested(self, **_: Any) -> None:
        # What is nearly here is worth keeping: it needs no second request.
        if self._made is not None:
            self._made.shorten(_STOP_GRACE_SECONDS)

    def _on_run_ending(self, sync: SliceSync, **_: Any) -> None:
        if self._made is not None:
            self._made.shorten(_STOP_GRACE_SECONDS, of=sync)

    def _count_repeated(self) -> None:
        self._crawler.stats.inc_value(stats.REQUESTS)
        self._crawler.stats.inc_value(stats.REPEATED)


def _signed(plan: SyncPlan, request: Request) -> Request:
    """Signed as it leaves: no wait comes in between, and no one else sees the signature."""
    signer = plan.authorization.signer
    if signer is None:
        return request
    url, headers = signer.sign(request.method, request.url, request.body)
    signed = request.replace(url=url)
    for name, value in headers:
        signed.headers[name] = value
    return signed
