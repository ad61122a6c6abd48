"""An API of any number of tenants that costs next to nothing to serve: each answer is made before the first request.

``python -m bench.tenantserver NAME=RECORDS/PAGE …`` serves on a free port of the loopback interface, prints its address
and ends with its standard input. ``/NAME/TENANT?cursor=N`` is page N of that feed, the same for every tenant: events of
the mock, newest first. ``/__wait?ms=N`` lets each answer come so much later; ``/__asked`` and ``/__forget`` are the
statistics.

Invariant: nothing is made, compressed or logged while it serves, since it runs on the cores of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

from mock_api.events import BLOCK_EVENTS, EventFactory

_SEED = 1
_REQUEST_ENDS = b"\r\n\r\n"
_NUMBER = re.compile(rb"[?&](?:cursor|ms)=(\d+)")


class Api:
    """``feeds``: whole answers, by name and page."""

    def __init__(self, feeds: dict[bytes, list[bytes]]) -> None:
        self._feeds = feeds
        self._wait_seconds = 0.0
        self._asked = Counter[bytes]()
        self._first = self._last = 0.0

    def answer(self, target: bytes) -> tuple[bytes, float]:
        """And how long it is to be kept back."""
        path, _, _ = target.partition(b"?")
        number = _NUMBER.search(target)
        value = int(number[1]) if number else 0
        if path.startswith(b"/__"):
            return self._control(path, value), 0.0
        now = time.monotonic()
        self._first = self._first or now
        self._last = now
        self._asked[path] += 1
        return self._feeds[path.split(b"/")[1]][value], self._wait_seconds

    def _control(self, path: bytes, value: int) -> bytes:
        if path == b"/__wait":
            self._wait_seconds = value / 1000
        elif path == b"/__forget":
            self._forget()
        counts = self._asked.values()
        found = {"first": self._first, "last": self._last, "requests": sum(counts), "tenants": len(counts)}
        return _answered(json.dumps({**found, "most": max(counts, default=0)}).encode())

    def _forget(self) -> None:
        self._asked = Counter[bytes]()
        self._first = self._last = 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, api: Api) -> None:
        self._api = api
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while _REQUEST_ENDS in self._received:
            request, _, self._received = self._received.partition(_REQUEST_ENDS)
            answer, seconds = self._api.answer(request.split(b" ", 2)[1])
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self._transport.write, answer)
            else:
                self._transport.write(answer)


def _answered(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def pages(factory: EventFactory, total: int, size: int) -> list[bytes]:
    """The oldest ``total`` events, newest first, as answers."""
    found = []
    for first in range(0, total, size):
        stop = min(first + size, total)
        following = b"null" if stop == total else b'"%d"' % (stop // size)
        found.append(_answered(b'{"data":[%b],"next":%b}' % (_events(factory, total, first, stop), following)))
    return found


def _events(factory: EventFactory, total: int, first: int, stop: int) -> bytes:
    """From one place of the feed to another, block by block."""
    blocks = -(-total // BLOCK_EVENTS)
    skipped = blocks * BLOCK_EVENTS - total
    texts = []
    place, end = first + skipped, stop + skipped
    while place < end:
        number, at = divmod(place, BLOCK_EVENTS)
        until = min(BLOCK_EVENTS, at + end - place)
        texts.append(factory.block(blocks - 1 - number).cut(at, until))
        place += until - at
    return b",".join(texts)


async def _serve(api: Api) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(api), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


def _main(arguments: list[str]) -> None:
    factory = EventFactory(_SEED)
    feeds = {}
    for argument in arguments:
        name, _, sizes = argument.partition("=")
        total, _, size = sizes.partition("/")
        feeds[name.encode()] = pages(factory, int(total), int(size))
    asyncio.run(_serve(Api(feeds)))


if __name__ == "__main__":
    _main(sys.argv[1:])
