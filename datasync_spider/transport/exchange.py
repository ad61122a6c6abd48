"""Single requests by the crawl's own client, beside a crawl or where there is none.

Invariant: what the download handler promises holds here: TLS is verified, redirects are not followed, one limit of time
covers everything up to the last byte of a body that comes out whole or not at all. Nothing of a crawl learns of the
answer: the headers of another server than its API say nothing about that one's limits.
"""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec import Struct
from scrapy import Request, Spider
from scrapy import signals as scrapy_signals
from scrapy.crawler import Crawler

from datasync_spider.config.trust import remedy
from datasync_spider.records.headers import header_pairs, listed_pairs, plain_pairs
from datasync_spider.sources.spec import Pairs
from datasync_spider.transport.client import HttpClient
from datasync_spider.transport.errors import (
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
from datasync_spider.transport.upload import ProxyChoice

# Errors by the slug under which the crawl counts the same trouble; the more special ones first.
TROUBLE: dict[type[Exception], str] = {
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


class Answer(Struct, frozen=True):
    """``received_at``: seconds since the epoch when the headers were in. ``seconds``: from the call to the end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: float
    seconds: float

    def plain_headers(self) -> dict[str, str]:
        """Text by lower-case name, as :func:`datasync_spider.records.headers.plain_pairs` has it."""
        return plain_pairs(self.headers)

    def header_lists(self) -> dict[str, list[str]]:
        """All values of each header, by its lower-case name."""
        return listed_pairs(self.headers)


class Exchange:
    """One request after the other, each over a connection of its own."""

    def __init__(self, seconds: float, max_body_bytes: int, proxy: ProxyChoice | None) -> None:
        self._seconds = seconds
        self._max_body_bytes = max_body_bytes
        self._proxy = proxy
        self._client: HttpClient | None = None

    async def ask(self, method: str, url: str, headers: Pairs, body: bytes | None) -> Answer:
        """The whole answer, whatever its status. Raises an HttpError, TimeoutError or OSError."""
        started = time.monotonic()
        # Nothing is crawled: it is what Scrapy's client takes its settings and signals from.
        crawler = Crawler(Spider, {"DOWNLOAD_VERIFY_CERTIFICATES": True, "DOWNLOAD_WARNSIZE": 0})
        received_at: list[float] = []

        def headers_received(**_: Any) -> None:
            received_at.append(time.time())

        crawler.signals.connect(headers_received, scrapy_signals.headers_received)
        request = Request(url, method=method, headers=dict(headers), body=body)
        if self._proxy is not None:
            request.meta["proxy"] = self._proxy.url
            if self._proxy.authorization is not None:
                request.headers["Proxy-Authorization"] = self._proxy.authorization
        self._client = client = HttpClient(crawler, self._seconds, self._max_body_bytes)
        try:
            response = await client.ask(request)
        finally:
            self._client = None
            await client.close()
        reported = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in header_pairs(response.headers)
        )
        return Answer(response.status, reported, response.body, received_at[-1], time.monotonic() - started)

    def shorten(self, seconds: float) -> None:
        """What is under way has no more than this from now on, and what begins has it from its beginning."""
        self._seconds = min(self._seconds, seconds)
        if self._client is not None:
            self._client.shorten(seconds)


def said_of(error: Exception, seconds: float) -> tuple[str, str]:
    """The slug of one of :data:`TROUBLE`, and what to say of it. ``seconds``: what the request had."""
    reason = next(reason for kind, reason in TROUBLE.items() if isinstance(error, kind))
    if reason == "timeout":
        return reason, f"no whole answer within {seconds:g} s"
    advice = f"; {remedy(error.refusal)}" if isinstance(error, NotTrusted) else ""
    return reason, f"{error}{advice}"


def proxy_choice(url: str | None) -> ProxyChoice | None:
    """Takes the password out of a proxy's URL."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.username is None:
        return ProxyChoice(url)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    return ProxyChoice(bare, f"Basic {base64.b64encode(user.encode('latin-1')).decode('ascii')}")
