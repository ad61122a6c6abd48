"""Asks, and keeps the connection for the next question.

Invariant: at most one idle connection is kept, the last one used. A request is sent a second time only where it asks
for nothing to be changed, went out on a connection that had been idle, and no byte of an answer came: the server had
closed it, which shows only in this way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from datasync_spider.http1.answer import AnswerReader
from datasync_spider.http1.connection import Connection, Route, connect
from datasync_spider.http1.errors import ConnectionLost
from datasync_spider.http1.request import PROXY_AUTHORIZATION, Header, Target, request_bytes, target_of
from datasync_spider.trust import tls_context

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


class HttpClient:
    """Used from one event loop. ``max_body_bytes``: of an answer, decompressed or not."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._tls: ssl.SSLContext | None = None
        self._idle: tuple[Route, Connection] | None = None

    async def ask(
        self,
        method: str,
        url: str,
        headers: Sequence[Header],
        body: bytes = b"",
        *,
        proxy_url: str | None = None,
        on_head: Callable[[AnswerReader], None] | None = None,
        afresh: bool = False,
    ) -> AnswerReader:
        """The whole answer. Redirects are not followed. Limit the time by cancelling.

        ``on_head`` gets it as soon as its status and headers are there. ``afresh``: over no kept connection.

        Raises an HttpError, or ValueError for a URL or a header that cannot be sent.
        """
        target = target_of(url)
        route, asked = _routed(target, headers, proxy_url)
        request = request_bytes(method, asked, target.origin.host_header, _for_origin(headers, route), body)
        if afresh:
            self.close()
        connection = self._take_idle(route)
        if connection is not None:
            reader = AnswerReader(self._max_body_bytes, on_head)
            try:
                await connection.exchange(request, reader)
            except ConnectionLost:
                if method not in _CHANGES_NOTHING:
                    raise
            else:
                self._keep(route, connection)
                return reader
        connection = await connect(route, self._context(route))
        reader = AnswerReader(self._max_body_bytes, on_head)
        await connection.exchange(request, reader)
        self._keep(route, connection)
        return reader

    def close(self) -> None:
        """Closes the idle connection."""
        if self._idle is not None:
            self._idle[1].close()
            self._idle = None

    def _take_idle(self, route: Route) -> Connection | None:
        if self._idle is None:
            return None
        (kept_route, connection), self._idle = self._idle, None
        if kept_route == route and connection.is_idle:
            return connection
        connection.close()
        return None

    def _keep(self, route: Route, connection: Connection) -> None:
        if not connection.is_idle:
            return
        if self._idle is not None:
            self.close()
        self._idle = route, connection

    def _context(self, route: Route) -> ssl.SSLContext | None:
        if not (route.origin.is_tls or (route.proxy is not None and route.proxy.is_tls)):
            return None
        if self._tls is None:
            self._tls = tls_context()
        return self._tls


def _routed(target: Target, headers: Sequence[Header], proxy_url: str | None) -> tuple[Route, str]:
    """The way, and what stands in the request line: an absolute URL where a proxy reads it."""
    if proxy_url is None:
        return Route(target.origin), target.path
    try:
        proxy = target_of(proxy_url).origin
    except ValueError as error:
        raise ValueError(f"the proxy cannot be used, see http_proxy and https_proxy: {error}") from error
    if not target.origin.is_tls:
        return Route(target.origin, proxy), f"http://{target.origin.host_header}{target.path}"
    own = tuple(header for header in headers if header[0].lower() == PROXY_AUTHORIZATION)
    return Route(target.origin, proxy, own), target.path


def _for_origin(headers: Sequence[Header], route: Route) -> Sequence[Header]:
    """Without what is meant for the proxy alone, unless the proxy reads the request itself."""
    if route.proxy is not None and not route.is_tunnel:
        return headers
    return [header for header in headers if header[0].lower() != PROXY_AUTHORIZATION]
