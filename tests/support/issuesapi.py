"""Issues and their comments: a parent and a child, as APIs have them, whose answers a test changes.

``GET /issues?page=N`` and ``GET /repos/OWNER/issues/NUMBER/comments?page=N``, five records a page, newest first.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 5
_NEWEST_S = 1_769_541_612
_COMMENTS = re.compile(r"/repos/([^/]+)/issues/(\d+)/comments")


def issue(number: int, **more: Any) -> dict[str, Any]:
    """Its own id is another number than what its comments are found by."""
    return {"id": 1_000 + number, "number": number, "at": _NEWEST_S - number, **more}


def comment(number: int, index: int) -> dict[str, Any]:
    """Their ids are unlike within an issue only."""
    return {"id": index, "issue": number, "at": _NEWEST_S - index}


@dataclass(slots=True)
class IssuesApi:
    """``held``: issues whose comments are not answered until released; ``asked``: each path with its query."""

    base_url: str
    issues: list[dict[str, Any]]
    comments: dict[int, int]
    asked: list[str] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        self._released.set()

    def asked_comments(self) -> list[int]:
        """The issues whose comments were asked for, each once, in their order."""
        found = [int(match[2]) for path in self.asked if (match := _COMMENTS.match(path))]
        return list(dict.fromkeys(found))

    def answer(self, path: str) -> Any:
        parts = urlsplit(path)
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        records = self.issues
        if match := _COMMENTS.fullmatch(parts.path):
            number = int(match[2])
            if number in self.held and page == 2:
                self._released.wait(30)
            records = [comment(number, index) for index in range(self.comments.get(number, 0))]
        end = page * PAGE
        following = f"{parts.path}?page={page + 1}" if end < len(records) else None
        return {"items": records[end - PAGE : end], "next": following, "total": len(records)}


@contextmanager
def issues_api(issues: list[dict[str, Any]], comments: dict[int, int]) -> Iterator[IssuesApi]:
    """Serves as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            api.asked.append(self.path)
            body = json.dumps(api.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = IssuesApi(f"http://127.0.0.1:{server.server_address[1]}", issues, comments)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.release()
        server.shutdown()
        server.server_close()
        thread.join()


def issues_file(base_url: str, slices: str, of_issues: str = "") -> str:
    """A source with both; ``slices``: of the comments."""
    return f"""
[source]
name = "forge"
base_url = "{base_url}"

[streams.issues]
url = "/issues"
records = "items"
id = "id"
time = "at"
total = "total"
order = "newest-first"
next = {{ from = "body:next", to = "url" }}
end = ["no-next"]
{of_issues}

[streams.comments]
url = "/repos/{{slice.owner}}/issues/{{slice.number}}/comments"
records = "items"
id = "id"
time = "at"
total = "total"
order = "newest-first"
next = {{ from = "body:next", to = "url" }}
end = ["no-next"]
slices = {slices}
"""
