"""One request to the API, outside of a crawl: to look at it, or to hand something in.

Invariant: what the crawl's download handler promises holds here too. Only the configured origin is asked; redirects
are not followed; TLS is verified; one time limit covers everything from the connection to the last byte of the body;
a body comes out whole or not at all and never larger than allowed; the client says honestly what it is. What proves
who asks appears in no message. Nothing is ever asked twice: whether to ask again is the caller's to say.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from scrapy import Request, Spider
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler

from datasync_spider.errors import ConnectionTrouble, OriginRefused, Stopped
from datasync_spider.headers import header_pairs, listed_pairs, merged_pairs, plain_pairs
from datasync_spider.proxies import proxy_for
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.spec import Pairs
from datasync_spider.sources.urls import origin, same_origin
from datasync_spider.syncplan import ACCEPT, SyncPlan
from datasync_spider.trust import remedy
from datasync_spider.wire.client import HttpClient
from datasync_spider.wire.errors import (
    BodyCut,
    BodyTooLarge,
    HttpError,
    NameNotFound,
    NotConnected,
    NotHttp,
    NotTrusted,
    OtherProtocol,
    ProxyRefused,
    TlsFailed,
)
from datasync_spider.wire.running import run
from datasync_spider.wire.sending import Attempt, BodyFile, ProxyChoice, Sender

# Errors by the slug under which the crawl counts the same trouble; the more special ones first.
_TROUBLE: dict[type[Exception], str] = {
    TimeoutError: "timeout",
    NameNotFound: "host_not_found",
    TlsFailed: "tls_failed",
    ProxyRefused: "proxy_refused",
    NotConnected: "connection_refused",
    BodyTooLarge: "body_too_large",
    BodyCut: "body_cut",
    OtherProtocol: "no_http",
    NotHttp: "bad_http",
    HttpError: "connection_failed",
    OSError: "connection_failed",
}
_BEFORE_ANYTHING = (NameNotFound, NotConnected, ProxyRefused)


class NothingSent(ConnectionTrouble):
    """There was no connection, so not one byte has left: the request can be repeated without a second thought."""


class AnswerLost(ConnectionTrouble):
    """A connection was made and no whole answer came: what the server made of the request cannot be known from here.

    ``reason`` is ``stopped`` where a signal ended the wait.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """``received_at``: seconds since the epoch when the headers were in. ``seconds``: from the call to the end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: float
    seconds: float

    def plain_headers(self) -> dict[str, str]:
        """Text by lower-case name, as :func:`datasync_spider.headers.plain_pairs` has it."""
        return plain_pairs(self.headers)

    def header_lists(self) -> dict[str, list[str]]:
        """All values of each header, by its lower-case name."""
        return listed_pairs(self.headers)


@dataclass(frozen=True, slots=True)
class Upload:
    """A body to stream: ``size`` bytes of ``file``, from where it stands.

    ``progress`` gets the number of bytes handed over so far.
    """

    file: BinaryIO
    size: int
    content_type: str
    progress: Callable[[int], None] | None = None


class ApiClient:
    """``headers``: what requests carry to say who asks. ``is_direct``: past any proxy that the environment names."""

    def __init__(
        self,
        base_url: str,
        headers: Pairs,
        user_agent: str,
        timeout_seconds: float,
        max_body_bytes: int,
        *,
        is_direct: bool = False,
    ) -> None:
        self.base_url = base_url
        self._proxy = None if is_direct else _proxy_choice(proxy_for(base_url))
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._headers = merged_pairs((*ACCEPT, ("User-Agent", user_agent)), headers)

    @classmethod
    def of(cls, plan: SyncPlan, *, timeout_seconds: float | None = None, is_anonymous: bool = False) -> ApiClient:
        """Asks as a crawl of the plan does. ``is_anonymous``: without its credential."""
        config = plan.config
        return cls(
            plan.base_url_text,
            () if is_anonymous else (*plan.headers, *plan.authorization.headers),
            config.user_agent,
            plan.timeout.value if timeout_seconds is None else timeout_seconds,
            config.max_body_bytes,
            is_direct=plan.is_bundled_mock,
        )

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        """What every request carries, the key included: not to be shown as it is."""
        return self._headers

    def get(self, url: str) -> Answer:
        """The whole answer, whatever its status. Raises NothingSent, AnswerLost, OriginRefused or Stopped."""
        return self.ask(PageRequest("GET", url))

    def ask(self, request: PageRequest) -> Answer:
        """The same of any request that reads, whatever its method is called."""
        return self._told(request.url, Attempt(has_begun=True), lambda: self._fetch(request), is_upload=False)

    def post(self, url: str, upload: Upload) -> Answer:
        """The same, with a body that is never in memory as a whole."""
        attempt = Attempt()
        return self._told(url, attempt, lambda: self._send(url, upload, attempt), is_upload=True)

    def _told(
        self, url: str, attempt: Attempt, work: Callable[[], Coroutine[Any, Any, Answer]], *, is_upload: bool
    ) -> Answer:
        """Gives the trouble of the work the one of two names that it must have."""
        if not same_origin(url, self.base_url):
            raise OriginRefused(f"a request was refused: it would leave the API at {origin(self.base_url)}")
        try:
            return run(work)
        except Stopped as error:
            if not is_upload or not attempt.has_begun:
                raise
            raise AnswerLost("stopped", f"{error} came before the answer") from error
        except tuple(_TROUBLE) as error:
            has_begun = attempt.has_begun and (is_upload or not isinstance(error, _BEFORE_ANYTHING))
            kind = AnswerLost if has_begun else NothingSent
            raise kind(*self._trouble(error)) from error

    async def _fetch(self, asked: PageRequest) -> Answer:
        started = time.monotonic()
        # Nothing is crawled: it is what Scrapy's client takes its settings and signals from.
        crawler = Crawler(Spider, {"DOWNLOAD_VERIFY_CERTIFICATES": True, "DOWNLOAD_WARNSIZE": 0})
        client = HttpClient(crawler, self._timeout_seconds, self._max_body_bytes)
        received_at: list[float] = []

        def headers_received(**_: Any) -> None:
            received_at.append(time.time())

        crawler.signals.connect(headers_received, scrapy_signals.headers_received)
        headers = dict(merged_pairs(self._headers, asked.headers))
        request = Request(asked.url, method=asked.method, headers=headers, body=asked.body)
        if self._proxy is not None:
            request.meta["proxy"] = self._proxy.url
            if self._proxy.authorization is not None:
                request.headers["Proxy-Authorization"] = self._proxy.authorization
        try:
            response = await client.ask(request)
        finally:
            await client.close()
        told = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in header_pairs(response.headers)
        )
        return Answer(response.status, told, response.body, received_at[-1], time.monotonic() - started)

    async def _send(self, url: str, upload: Upload, attempt: Attempt) -> Answer:
        started = time.monotonic()
        sender = Sender(self._max_body_bytes, time.time, self._proxy)
        headers = [*self._headers, ("Content-Type", upload.content_type)]
        body = BodyFile(upload.file, upload.size, upload.progress)
        async with asyncio.timeout(self._timeout_seconds):
            sent = await sender.post(url, headers, body, attempt)
        return Answer(sent.status, sent.headers, sent.body, sent.received_at, time.monotonic() - started)

    def _trouble(self, error: Exception) -> tuple[str, str]:
        reason = next(reason for kind, reason in _TROUBLE.items() if isinstance(error, kind))
        if reason == "timeout":
            return reason, f"no whole answer within {self._timeout_seconds:g} s"
        advice = f"; {remedy(error.refusal)}" if isinstance(error, NotTrusted) else ""
        return reason, f"{error}{advice}"


def _proxy_choice(url: str | None) -> ProxyChoice | None:
    """Takes the password out of a proxy's URL."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.username is None:
        return ProxyChoice(url)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    return ProxyChoice(bare, f"Basic {base64.b64encode(user.encode('latin-1')).decode('ascii')}")
