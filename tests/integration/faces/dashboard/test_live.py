"""Server-sent events to viewers who read, pause and leave: Twisted's real web server, over a transport in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site

from datasync_spider.faces.dashboard.live import Live
from datasync_spider.faces.dashboard.poller import Poller
from datasync_spider.observe.states import STATES
from datasync_spider.storage.dashboard import Overview


class Page(Resource):
    """Welcomes every request."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, live: Live) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._live = live

    def render_GET(self, request: Any) -> int | bytes:  # noqa: N802
        return self._live.welcome(request)


class Browser:
    """A connection whose room is given and taken by hand."""

    def __init__(self, live: Live) -> None:
        site: Any = Site(Page(live))  # type: ignore[no-untyped-call]
        self.channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport: Any = StringTransport()  # type: ignore[no-untyped-call]
        self.channel.makeConnection(self.transport)
        self.channel.dataReceived(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def messages(self) -> list[Any]:
        lines = self.transport.value().split(b"\n")
        return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


def with_poller(use: Callable[[Poller], Awaitable[None]]) -> None:
    async def read() -> Overview:
        nothing = {"sources": 0, "streams": 0, "slices": 0, "read_at": datetime.now(UTC), **dict.fromkeys(STATES, 0)}
        return Overview(nothing, [], {})

    async def run() -> None:
        poller = Poller(read, label="here", version="1", interval_seconds=0.0)
        try:
            await use(poller)
        finally:
            poller.close()

    asyncio.run(run())


async def polled(poller: Poller, times: int) -> None:
    """Returns when the poller has called its listeners so many times more."""
    reported = asyncio.Semaphore(0)
    leave = poller.listen(lambda _: reported.release())
    for _ in range(times):
        await reported.acquire()
    leave()


def test_a_viewer_who_does_not_read_has_one_message_waiting_and_not_a_heap() -> None:
    async def use(poller: Poller) -> None:
        slow = Browser(Live(poller))
        await polled(poller, 3)
        slow.transport.producer.pauseProducing()
        reported = len(slow.messages())
        await polled(poller, 50)
        assert len(slow.messages()) == reported
        slow.transport.producer.resumeProducing()
        assert len(slow.messages()) == reported + 1
        await polled(poller, 3)
        assert len(slow.messages()) > reported + 1

    with_poller(use)


def test_a_viewer_who_leaves_is_sent_nothing_more() -> None:
    async def use(poller: Poller) -> None:
        live = Live(poller)
        leaving, staying = Browser(live), Browser(live)
        await polled(poller, 3)
        leaving.channel.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]
        assert poller.listeners == 1
        reported = len(leaving.messages())
        await polled(poller, 5)
        assert len(leaving.messages()) == reported
        assert len(staying.messages()) > reported

    with_poller(use)


def test_one_more_than_there_is_room_for_is_not_welcome() -> None:
    async def use(poller: Poller) -> None:
        live = Live(poller, most_viewers=2)
        browsers = [Browser(live) for _ in range(3)]
        await polled(poller, 2)
        assert [bool(browser.messages()) for browser in browsers] == [True, True, False]
        assert poller.listeners == 2

    with_poller(use)


def test_good_bye_ends_every_answer() -> None:
    async def use(poller: Poller) -> None:
        live = Live(poller)
        browsers = [Browser(live) for _ in range(2)]
        await polled(poller, 2)
        live.close()
        assert poller.listeners == 0
        # The last chunk of a chunked answer.
        assert all(browser.transport.value().endswith(b"0\r\n\r\n") for browser in browsers)

    with_poller(use)
