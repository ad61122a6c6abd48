"""Decides what an answer, or the lack of one, means: a page, another attempt, or the end.

Replaces Scrapy's retry middleware: that one gives up quietly, knows nothing of bodies, and counts 429 as a failure. The
decisions are :func:`datasync_spider.records.answer.check_answer` and :class:`datasync_spider.pacing.retry.RetryPolicy`;
this shell waits, as long as the answer asks for and the budget allows, and asks again. A page that was read is put into
``response.meta["page"]``.
"""

from __future__ import annotations

import logging
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from weakref import WeakSet

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

from datasync_spider import failpoints, signals
from datasync_spider.config.trust import remedy
from datasync_spider.errors import (
    ApiRefused,
    CertificateRefused,
    ConnectionTrouble,
    NotModified,
    OddAnswer,
    RateLimited,
    RetryableError,
    TokenExpired,
    WaitTooLong,
    WrongProtocol,
)
from datasync_spider.observe import stats
from datasync_spider.pacing.dialect import Dialect
from datasync_spider.pacing.headers import AskedWait, read_asked_wait, read_body_wait
from datasync_spider.pacing.retry import GiveUp, RetryPolicy, RetryState, TooLong
from datasync_spider.pacing.waittexts import asked_by, too_long_text
from datasync_spider.process.waiting import Waiter
from datasync_spider.records.answer import check_answer
from datasync_spider.records.headers import listed_headers, plain_headers
from datasync_spider.transport.errors import NotHttp, NotTls, NotTrusted, OtherProtocol, ProxyRefused, TlsFailed

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

# What handlers raise, by the slug under which we count it: Scrapy's own words, and the causes that it has no word for.
_CONNECTION_TROUBLE: dict[type[Exception], str] = {
    TlsFailed: "tls_failed",
    ProxyRefused: "proxy_refused",
    CannotResolveHostError: "host_not_found",
    DownloadConnectionRefusedError: "connection_refused",
    DownloadTimeoutError: "timeout",
    ResponseDataLossError: "body_cut",
    DownloadFailedError: "connection_failed",
}


def retry_policy(plan: SyncPlan) -> RetryPolicy:
    """That of all requests which a crawl of the plan makes."""
    config = plan.config
    return RetryPolicy(
        max_retries=plan.retries.value,
        retries_key=plan.retries.key if plan.retries.is_of_file else "",
        base_seconds=config.retry_base_ms / 1000,
        max_seconds=config.retry_max_ms / 1000,
        wait_budget_seconds=config.rate_limit_wait_budget_ms / 1000,
    )


class RetryMiddleware:
    """``waiter`` pauses. How an answer is read is said by the plan of the request's sync."""

    def __init__(self, crawler: Crawler, waiter: Waiter) -> None:
        self._crawler = crawler
        self._waiter = waiter
        self._were_warned_of_total: WeakSet[SliceSync] = WeakSet()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler, Waiter(crawler))

    async def process_request(self, request: Request) -> None:
        request.meta.setdefault("asked_at", time.monotonic())
        self._crawler.stats.inc_value(stats.REQUESTS)
        failpoints.reach("before_fetch")

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        if response.status == HTTPStatus.NOT_MODIFIED and request.meta.get("is_conditional"):
            raise NotModified("the first page is as the last complete pass has found it")
        sync: SliceSync = request.meta["sync"]
        pages = sync.plan.pages
        try:
            lists = listed_headers(response.headers) if pages.looks_at_headers else None
            asked = request.meta["asked"]
            page = check_answer(
                pages, asked, response.status, lambda: plain_headers(response.headers), response.body, lists
            )
        except RetryableError as error:
            is_rate_limit = isinstance(error, RateLimited)
            headers = plain_headers(response.headers)
            wait = read_asked_wait(
                headers, response.body, time.time(), is_rate_limit=is_rate_limit, dialect=_dialect(sync)
            )
            return await self._ask_again(request, error, wait, response.status, headers.get("x-request-id"))
        except (TokenExpired, ApiRefused) as error:
            return _with_another_token(request, error)
        failpoints.reach("after_fetch")
        if page.reader.fills_times:
            page.received_us = time.time_ns() // 1_000
        request.meta["page"] = page
        if page.unreadable_total is not None and sync not in self._were_warned_of_total:
            self._were_warned_of_total.add(sync)
            logger.warning("the API's total cannot be read as a count of events: %s", page.unreadable_total)
        wait = None if page.asked_wait is None else read_body_wait(page.asked_wait, time.time(), _dialect(sync))
        if wait is not None and wait.seconds > 0:
            self._crawler.signals.send_catch_log(signals.page_asked_wait, sync=sync, asked=wait)
        self._crawler.stats.inc_value(stats.PAGES_FETCHED)
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        _refuse_hopeless(exception)
        if (odd := _odd(exception)) is not None:
            return await self._ask_again(request, odd)
        for kind, reason in _CONNECTION_TROUBLE.items():
            if isinstance(exception, kind) or isinstance(exception.__cause__, kind):
                return await self._ask_again(request, ConnectionTrouble(reason, str(exception)))
        return None

    async def _ask_again(
        self,
        request: Request,
        error: RetryableError,
        asked: AskedWait | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> Request:
        """``request_id``: the failed answer's, by which the API's people find it."""
        sync: SliceSync = request.meta["sync"]
        policy = retry_policy(sync.plan)
        state: RetryState = request.meta.get("retry_state") or RetryState()
        jitter = random.random()  # noqa: S311 - no secret
        is_binding = isinstance(error, RateLimited) and asked is not None and asked.is_plausible
        if asked is not None:
            self._hold_others(sync, asked.seconds, is_binding=is_binding)
        decision = policy.decide(state, error, time.monotonic(), jitter, asked)
        if isinstance(decision, TooLong):
            asked_in = asked_by(status, decision.asked.source)
            budget_seconds = policy.wait_budget_seconds
            words = too_long_text(decision.asked, asked_in, budget_seconds, time.time(), is_kept=is_binding)
            raise WaitTooLong(words) from error
        if isinstance(decision, GiveUp):
            raise decision.error from error
        sync.retried()
        collector = self._crawler.stats
        collector.inc_value(stats.RETRIES)
        collector.inc_value(stats.RETRIES_BY_REASON.format(reason=error.reason))
        attempts = request.meta.get("attempts", 1)
        self._crawler.signals.send_catch_log(
            signals.request_retrying,
            sync=sync,
            reason=error.reason,
            attempt=attempts,
            delay_seconds=decision.delay_seconds,
        )
        if isinstance(error, RateLimited):
            self._hold_others(sync, decision.delay_seconds, is_binding=False)
        fields = {"page_number": request.meta.get("page_number"), "request_id": request_id}
        logger.warning("attempt %d failed: %s", attempts, error, extra={"datasync": fields})
        is_asked = asked is not None and asked.seconds >= decision.delay_seconds
        words = asked_by(status, asked.source if asked is not None and is_asked else "")
        waited_ms = await self._waiter.wait(
            sync,
            decision.delay_seconds,
            decision.reason,
            fields=fields,
            asked=words if is_asked or isinstance(error, RateLimited) else "",
        )
        again = request.replace(dont_filter=True)
        again.meta["retry_state"] = decision.state
        again.meta["attempts"] = attempts + 1
        again.meta["waited_ms"] = request.meta.get("waited_ms", 0) + waited_ms
        again.meta.pop("asked_at", None)
        again.meta["afresh"] = isinstance(error, OddAnswer)
        return again

    def _hold_others(self, sync: SliceSync, seconds: float, *, is_binding: bool) -> None:
        """A refusal for the rate binds runs to come in full, and anything else for the budget at most."""
        most = seconds if is_binding else min(seconds, retry_policy(sync.plan).wait_budget_seconds)
        self._crawler.signals.send_catch_log(signals.wait_asked, sync=sync, seconds=most, is_binding=is_binding)


def _dialect(sync: SliceSync) -> Dialect:
    return Dialect.of(sync.plan.source.budget)


def _with_another_token(request: Request, error: TokenExpired | ApiRefused) -> Request:
    """The request for a renewed token. Raises the error where that would not help, or there is none to be renewed."""
    is_about_token = isinstance(error, TokenExpired) or error.status == HTTPStatus.UNAUTHORIZED
    if not is_about_token or "token" not in request.meta or request.meta["token_is_fresh"]:
        raise error
    logger.info("the API does not take the token any more, it is renewed: %s", error)
    again = request.replace(dont_filter=True)
    again.meta["refused_token"] = request.meta["token"]
    again.meta.pop("asked_at", None)
    return again


def _refuse_hopeless(exception: Exception) -> None:
    """Raises CertificateRefused: a certificate is as it is, however often it is looked at."""
    cause = exception.__cause__
    if isinstance(cause, NotTrusted):
        raise CertificateRefused(f"{cause}; {remedy(cause.refusal)}") from exception


def _odd(exception: Exception) -> OddAnswer | None:
    cause = exception.__cause__
    advice = "check host, port and scheme in API_BASE_URL, and the proxy where there is one"
    if isinstance(cause, NotTls):
        return OddAnswer("tls_failed", str(cause), WrongProtocol(f"{cause}; {advice}"))
    if isinstance(cause, OtherProtocol):
        return OddAnswer("no_http", str(cause), WrongProtocol(f"{cause}; {advice}"))
    if isinstance(cause, NotHttp):
        advice = "show this to whoever runs the API, or what stands between it and here"
        return OddAnswer("bad_http", str(cause), WrongProtocol(f"{cause}; {advice}"))
    return None
