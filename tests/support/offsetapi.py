"""A collection behind offsets, ``GET /books?limit=N&offset=M``, whose records come and go between two pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class OffsetApi:
    """``after``: called with the offset of each page that was made; ``more``: members in place of the count."""

    base_url: str
    ids: list[str]
    after: Callable[[int], object] = lambda _: None
    more: dict[str, Any] = field(default_factory=dict)

    def answer(self, path: str) -> Any:
        query = parse_qs(urlsplit(path).query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        items = [{"id": event_id} for event_id in self.ids[offset : offset + limit]]
        page = {"items": items, **(self.more or {"count": len(self.ids)})}
        self.after(offset)
        return page


@contextmanager
def offset_api(ids: list[str]) -> Iterator[OffsetApi]:
    """Serves as long as the context lasts. ``ids`` may be changed meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(api.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = OffsetApi(f"http://127.0.0.1:{server.server_address[1]}", ids)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
