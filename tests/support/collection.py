"""An API of one collection that can be asked for what is not older than a time, in each order, and that changes.

Its cursors are keys: what arrives while it is read moves no page. A test may answer in its place.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.database import rows
from tests.support.feed import Reply
from tests.support.filesources import write_sources

PAGE_SIZE = 3
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TABLE = "park__items"

_FILE = """
[source]
name = "park"
base_url = "{base_url}"

[streams.items]
url = "/items"
query = {{ limit = "{{page_size}}" }}
page_size = {page_size}
records = "items"
id = "id"
time = "at"
total = "total"
order = "{order}"
next = {{ from = "body:next", to = "query:cursor" }}
end = ["no-next"]
incremental = {incremental}
{more}
"""

SETTINGS = {
    "API_RETRY_BASE_MS": "20",
    "API_RETRY_MAX_MS": "100",
    "WRITE_BATCH_SIZE": "1",
    "WRITE_CONCURRENCY": "1",
}
"""A batch is a page."""


def at(seconds: float) -> str:
    """So long after noon, as the API writes it."""
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item(name: str, seconds: float | None, **more: Any) -> dict[str, Any]:
    return {"id": name, "at": None if seconds is None else at(seconds), **more}


@dataclass(frozen=True, slots=True)
class Request:
    """``number`` counts all of them from 1."""

    number: int
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def since(self) -> str | None:
        return self.query.get("since")

    @property
    def cursor(self) -> str | None:
        return self.query.get("cursor")


@dataclass
class Collection:
    """``records`` in any order; ``order`` none serves them as they stand. May be changed while it serves.

    ``is_inclusive``: whether a record of the very time that is asked from comes. ``reports_total``: of what is asked
    for. ``answer``: what is answered in its place. ``asked``: what was asked.
    """

    order: str
    records: list[dict[str, Any]] = field(default_factory=list)
    is_inclusive: bool = True
    reports_total: bool = True
    tags: bool = False
    answer: Callable[[Request], Reply | None] | None = None
    asked: list[Request] = field(default_factory=list)
    base_url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sinces(self) -> list[str | None]:
        return [request.since for request in self.asked]

    def reply(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        with self._lock:
            request = Request(len(self.asked) + 1, query, headers)
            self.asked.append(request)
        special = self.answer(request) if self.answer is not None else None
        if special is not None:
            return special
        body = json.dumps(self.page(query)).encode()
        if not self.tags:
            return Reply(body)
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:12]}"'
        if headers.get("if-none-match") == tag:
            return Reply(b"", 304, {"ETag": tag})
        return Reply(body, 200, {"ETag": tag})

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        chosen = self._chosen(query.get("since"))
        start = 0
        if "cursor" in query:
            start = next(
                (place for place, one in enumerate(chosen) if self._is_behind(one, query["cursor"])), len(chosen)
            )
        found = chosen[start : start + PAGE_SIZE]
        more = len(chosen) > start + PAGE_SIZE
        return {
            "items": found,
            "next": _key(found[-1]) if more else None,
            **({"total": len(chosen)} if self.reports_total else {}),
        }

    def _chosen(self, since: str | None) -> list[dict[str, Any]]:
        ordered = list(self.records)
        if self.order != "none":
            ordered.sort(key=_key, reverse=self.order == "newest-first")
        return [one for one in ordered if since is None or self._is_since(one, since)]

    def _is_since(self, one: Mapping[str, Any], since: str) -> bool:
        time = one["at"]
        return time is None or (time >= since if self.is_inclusive else time > since)

    def _is_behind(self, one: Mapping[str, Any], cursor: str) -> bool:
        if self.order == "none":
            places = {_key(each): place for place, each in enumerate(self.records)}
            return places[_key(one)] > places.get(cursor, -1)
        return _key(one) < cursor if self.order == "newest-first" else _key(one) > cursor


def _key(one: Mapping[str, Any]) -> str:
    return f"{one['at'] or ''}|{one['id']}"


@contextmanager
def serving_collection(order: str, records: Sequence[dict[str, Any]], **traits: Any) -> Iterator[Collection]:
    """As long as the context lasts."""
    collection = Collection(order, list(records), **traits)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
            reply = collection.reply(query, {name.lower(): value for name, value in self.headers.items()})
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            if reply.status != 304:
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "application/json")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    collection.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collection
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def park(directory: Path, collection: Collection, incremental: str, more: str = "") -> dict[str, str]:
    """The settings of a crawl of ``park.items``, a stream of the collection."""
    text = _FILE.format(
        base_url=collection.base_url,
        page_size=PAGE_SIZE,
        order=collection.order,
        incremental=incremental,
        more=more,
    )
    return {**SETTINGS, **write_sources(directory, park=text)}


def assert_all_stored(url: str, collection: Collection) -> None:
    """Each record of the collection once, as it is now."""
    stored = dict(rows(url, f"SELECT event_id, payload FROM {TABLE}"))
    assert stored == {record["id"]: record for record in collection.records}


def floor_of(url: str) -> datetime | None:
    (found,) = rows(url, "SELECT floor_at FROM ingestion_state WHERE stream = 'park.items'")[0]
    return None if found is None else found.astimezone(UTC)
