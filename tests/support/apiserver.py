"""An API over HTTP that answers as a function says, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.support.unknownapis import Api, Asked


@dataclass
class ApiServer:
    """``api`` may be changed while it serves. ``headers``: of each request, by lower-case names."""

    api: Api
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving_api(api: Api) -> Iterator[ApiServer]:
    """It serves as long as the context lasts."""
    server = ApiServer(api)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw.startswith(b"{") else raw.decode() or None
            asked = Asked(self.command, self.path, dict(parse_qsl(urlsplit(self.path).query)), body)
            server.asked.append(asked)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            said = server.api(asked)
            text = said.body if isinstance(said.body, str) else json.dumps(said.body)
            self.send_response(said.status)
            headers = {"Content-Type": "application/json", **said.headers}
            for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
