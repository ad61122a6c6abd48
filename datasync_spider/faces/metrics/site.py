"""The pages in Twisted's web server: its requests taken apart, its answers put together, nothing decided.

Answers are made in the reactor's own thread, where the model that they show does not change meanwhile;
prometheus_client's own resource for Twisted makes them in another one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from datasync_spider.faces.metrics.listening import family_of
from datasync_spider.faces.metrics.pages import Pages, names_loopback

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 30


class MetricsSite(Site):
    """Logs no request: a scrape every few seconds is not worth a line."""

    noisy = False

    def __init__(self, pages: Pages) -> None:
        super().__init__(_Everything(pages), timeout=_IDLE_SECONDS)  # type: ignore[no-untyped-call]
        self.displayTracebacks = False

    def log(self, request: HttpRequest) -> None:
        """Says nothing."""


class _Everything(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, pages: Pages) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pages = pages

    def render(self, request: Request) -> bytes:
        method = _text(request.method)
        answer = self._pages.answer(method, _header(request, "host"), _text(request.path), _header(request, "accept"))
        request.setResponseCode(answer.status, HTTPStatus(answer.status).phrase.encode())
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if answer.allow is not None:
            headers["Allow"] = answer.allow
        for name, value in headers.items():
            request.responseHeaders.setRawHeaders(name, [value])
        return b"" if method == "HEAD" else answer.body


def serve(
    metrics: Callable[[str], tuple[str, bytes]],
    health: Callable[[], dict[str, Any]],
    host: str,
    port: int,
    listening_socket: int | None,
) -> Any:
    """The port that it is served on: that of the socket, or where there is none, one that is opened here.

    ``metrics``, ``health``: see :class:`Pages`.
    """
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it earlier would install it

    # Its interfaces are declared in a way that type checkers misread.
    reactor: Any = installed

    named = f"[{host}]" if ":" in host else host
    site = MetricsSite(Pages(metrics=metrics, health=health, any_host=not names_loopback(named)))
    if listening_socket is None:
        serving = reactor.listenTCP(port, site, interface=host)
    else:
        serving = reactor.adoptStreamPort(listening_socket, family_of(host), site)
    logger.info("metrics are at http://%s:%d/metrics, health at /readyz", named, serving.getHost().port)
    return serving


def render_metrics(registry: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    """Content type and body in the format that the asker prefers."""
    encoder, content_type = choose_encoder(accept)
    return content_type, encoder(registry)


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")


def _header(request: Request, name: str) -> str:
    return request.getHeader(name) or ""
