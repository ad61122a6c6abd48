"""An API of three small pages whose answers a test changes one by one: for what the mock's faults do not speak of.

The base is 30 events in pages of 10 behind the cursors ``c1`` and ``c2``, newest first, in the nested shape. A test
hands in ``answer``, which sees each request and may say something else than the page.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.database import rows

PAGE_SIZE = 10
FEED_SETTINGS = {
    "API_PAGE_LIMIT": str(PAGE_SIZE),
    "API_TIMEOUT_MS": "2000",
    "API_MAX_RETRIES": "3",
    "API_RETRY_BASE_MS": "20",
    "API_RETRY_MAX_MS": "200",
}
_NEWEST_MS = 1_769_541_612_000


def feed_events(count: int = 30, prefix: str = "evt") -> list[Any]:
    """Events with the ids ``evt-0000`` and so on, newest first, a second apart."""
    return [
        {"id": f"{prefix}-{n:04}", "type": "click", "timestamp": _NEWEST_MS - 1000 * n, "properties": {"n": n}}
        for n in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a page. ``number`` counts all of them from 1; ``cursor`` None is the head.

    ``port`` is the client's: one connection has one.
    """

    number: int
    cursor: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    port: int


@dataclass(frozen=True, slots=True)
class Reply:
    """``body``: bytes as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


DROPPED = Reply(status=0)
"""Instead of an answer the connection is closed."""

Answer = Callable[[Asked], Reply | None]
"""None: the page, as the base has it."""


def page(events: Sequence[Any], next_cursor: str | None, total: int | None = None) -> dict[str, Any]:
    """The live shape of the API."""
    return {
        "data": list(events),
        "pagination": {"limit": PAGE_SIZE, "hasMore": next_cursor is not None, "nextCursor": next_cursor},
        "meta": {"returned": len(events), **({} if total is None else {"total": total})},
    }


def flat_page(events: Sequence[Any], next_cursor: str | None) -> dict[str, Any]:
    """The documented shape, which reports no total."""
    return {"data": list(events), "hasMore": next_cursor is not None, "nextCursor": next_cursor}


class Feed:
    """``events``, ``answer``, ``flat`` and ``total`` may be changed while it serves; ``asked`` is what was asked.

    ``total`` None: as many as there are events. Where ``flat`` is true none is reported.
    """

    def __init__(self, events: Sequence[Any], answer: Answer | None = None, *, flat: bool = False) -> None:
        self.events = list(events)
        self.answer = answer
        self.flat = flat
        self.total: int | float | None = None
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v1"

    def page_at(self, cursor: str | None) -> dict[str, Any]:
        """The page behind a cursor, as the base has it."""
        index = 0 if cursor is None else int(cursor.removeprefix("c"))
        events = self.events[index * PAGE_SIZE : (index + 1) * PAGE_SIZE]
        following = f"c{index + 1}" if len(self.events) > (index + 1) * PAGE_SIZE else None
        if self.flat:
            return flat_page(events, following)
        reported = page(events, following)
        reported["meta"]["total"] = len(self.events) if self.total is None else self.total
        return reported

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _reply(self, query: Mapping[str, str], headers: Mapping[str, str], port: int) -> Reply:
        with self._lock:
            asked = Asked(len(self.asked) + 1, query.get("cursor"), query, headers, port)
            self.asked.append(asked)
        special = self.answer(asked) if self.answer is not None else None
        return special or Reply(self.page_at(asked.cursor))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feed = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = feed._reply(query, headers, self.client_address[1])
                if reply is DROPPED:
                    self.close_connection = True
                    return
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(body)))
                if "content-type" not in {name.lower() for name in reply.headers}:
                    self.send_header("Content-Type", "application/json")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def serving(events: Sequence[Any] | None = None, answer: Answer | None = None, *, flat: bool = False) -> Iterator[Feed]:
    """A feed as long as the context lasts."""
    feed = Feed(feed_events() if events is None else events, answer, flat=flat)
    try:
        yield feed
    finally:
        feed.close()


def assert_feed_is_stored(url: str, events: Sequence[Any], rejected: int = 0) -> None:
    """These events and no others are in the table, with equal payloads, and so many records were rejected."""
    stored = dict(rows(url, "SELECT event_id, payload FROM ingested_events"))
    assert stored == {event["id"]: event for event in events}
    assert rows(url, "SELECT count(*) FROM rejected_events") == [(rejected,)]
