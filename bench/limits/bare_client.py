"""The limit of a crawl that waits for the API: a keep-alive client that follows the cursors and throws the bodies away.

``python -m bench.limits.bare_client BASE_URL LIMIT`` follows the feed to its end and prints how many pages there were.
It knows no more of HTTP than the mock speaks: one connection, Content-Length. Nothing is parsed but the next cursor,
which stands behind the events.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from bench.feed import Asked, Feed
from bench.processes import Finished, run
from bench.served import PROJECT

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)\r\n", re.IGNORECASE)
_CURSOR = re.compile(rb'"nextCursor":"([^"]*)"')
_HEADERS_END = b"\r\n\r\n"
_TAIL_BYTES = 1_000
_BUFFER_BYTES = 4_000_000


def follow(feed: Feed, limit: int, directory: Path) -> tuple[Finished, Asked]:
    """The client as a process of its own, and what the API saw of it."""
    feed.forget()
    command = [sys.executable, "-m", __name__, feed.base_url, str(limit)]
    done = run(command, directory / "bare-client.log", cwd=PROJECT)
    return done, feed.asked()


class _Connection:
    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        assert address.hostname is not None
        self._path = f"{address.path}/events"
        self._host = address.netloc
        self._socket = socket.create_connection((address.hostname, address.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)

    def next_cursor(self, limit: int, cursor: str | None) -> str | None:
        """Asks for one page; the cursor that follows it."""
        query = f"limit={limit}" if cursor is None else f"limit={limit}&cursor={quote(cursor, safe='')}"
        self._socket.sendall(f"GET {self._path}?{query} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        received, stop = 0, -1
        while received != stop:
            count = self._socket.recv_into(self._view[received:])
            if count == 0:
                raise RuntimeError("the API closed the connection")
            received += count
            if stop < 0 and (end := self._buffer.find(_HEADERS_END, 0, received)) >= 0:
                stop = end + len(_HEADERS_END) + self._body_bytes(end)
        tail = bytes(self._view[max(0, stop - _TAIL_BYTES) : stop])
        found = _CURSOR.search(tail)
        return None if found is None else found[1].decode()

    def _body_bytes(self, headers_end: int) -> int:
        headers = bytes(self._view[: headers_end + 2])
        length = _LENGTH.search(headers)
        if not headers.startswith(b"HTTP/1.1 200 ") or length is None:
            raise RuntimeError(f"no page: {headers[:200]!r}")
        return int(length[1])


def _main(base_url: str, limit: int) -> None:
    connection = _Connection(base_url)
    cursor = connection.next_cursor(limit, None)
    pages = 1
    while cursor is not None:
        cursor = connection.next_cursor(limit, cursor)
        pages += 1
    print(pages)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
