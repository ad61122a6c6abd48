"""The web site: one resource that checks who asks, finds the answer, and sends it.

Invariant: every answer, errors among them, carries the headers of :mod:`datasync_spider.faces.dashboard.guard`;
nothing but GET and HEAD is answered, and the body of a request is thrown away unread. Twisted's requests carry no
types, hence Any.
"""

from __future__ import annotations

import asyncio
import logging
from io import BytesIO
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from datasync_spider.faces.dashboard import guard
from datasync_spider.faces.dashboard.api import Api
from datasync_spider.faces.dashboard.assets import Asset, load_assets
from datasync_spider.faces.dashboard.live import Live
from datasync_spider.faces.dashboard.replies import Refused, Reply

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 60


class _Nowhere(BytesIO):
    """Takes a request's body and keeps nothing of it."""

    def write(self, data: Any, /) -> int:
        return len(data)


class BodilessRequest(Request):
    """A request whose body is not kept, in memory or on disk."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        self.content = _Nowhere()


class Dashboard(Resource):
    """The whole site, as one leaf: routing is a table, not a tree."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, api: Api, live: Live, allowed_hosts: frozenset[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._api = api
        self._live = live
        self._allowed_hosts = allowed_hosts
        self._assets = load_assets()
        self._answering: set[asyncio.Task[None]] = set()

    def render(self, request: Any) -> int | bytes:
        for name, value in guard.HEADERS.items():
            request.setHeader(name, value)
        try:
            self._check(request)
            path = _text(request.path)
            if path == "/api/live":
                return self._live.welcome(request)
            asset = self._asset(path)
            if asset is not None:
                return _send(request, asset.reply(request.getHeader("if-none-match")))
        except Refused as refused:
            return _send(request, refused.reply())
        task = asyncio.ensure_future(self._answer(request, path))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        return NOT_DONE_YET

    def _check(self, request: Any) -> None:
        if not guard.is_allowed_host(request.getHeader("host"), self._allowed_hosts):
            words = "This name is not one that the dashboard answers to; see --allow-host."
            raise Refused(403, words)
        if not guard.is_allowed_origin(request.getHeader("origin"), self._allowed_hosts):
            raise Refused(403, "Other pages are not answered.")
        if _text(request.method) not in guard.METHODS:
            raise Refused(405, "The dashboard only shows.", {"Allow": ", ".join(guard.METHODS)})

    def _asset(self, path: str) -> Asset | None:
        if path == "/":
            return self._assets["index.html"]
        return self._assets.get(path.removeprefix("/assets/")) if path.startswith("/assets/") else None

    async def _answer(self, request: Any, path: str) -> None:
        gone = asyncio.Event()
        request.notifyFinish().addErrback(lambda _: gone.set())
        try:
            reply = await self._api.answer(path, _parameters(request))
        except Refused as refused:
            reply = refused.reply()
        except Exception:
            logger.exception("a question could not be answered")
            reply = Refused(500, "An error; the dashboard's log says more.").reply()
        if not gone.is_set():
            request.write(_send(request, reply))
            request.finish()

    def close(self) -> None:
        self._live.close()
        for task in self._answering:
            task.cancel()


def make_site(dashboard: Dashboard) -> Site:
    """What a port is bound to."""
    return Site(  # type: ignore[no-untyped-call]
        dashboard, requestFactory=BodilessRequest, timeout=_IDLE_SECONDS, parsePOSTFormSubmission=False
    )


def _send(request: Any, reply: Reply) -> bytes:
    """Sets everything but the body, and gives that."""
    request.setResponseCode(reply.status)
    request.setHeader("Content-Type", reply.content_type)
    request.setHeader("Content-Length", str(len(reply.body)))
    for name, value in reply.headers.items():
        request.setHeader(name, value)
    return reply.body


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _parameters(request: Any) -> dict[str, str]:
    """The last value of each parameter."""
    return {_text(name): _text(values[-1]) for name, values in (request.args or {}).items()}
