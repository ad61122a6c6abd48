"""An API that gives the records between two times, page by page, and no more than so many of one question."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.jsonapi import Reply

PAGE = 10
TOO_LARGE = Reply({"code": "too_large", "message": "offset + limit must be <= 100"}, 400)
SOURCE = """
[source]
name = "audit"
base_url = "{base_url}"
meanings = [{{ status = 400, path = "code", value = "too_large", means = "window-too-large" }}]

[streams.entries]
url = "/entries"
query = {{ limit = "{{page_size}}" }}
page_size = 10
records = "entries"
id = "id"
time = "at"
order = "none"
next = {{ from = "body:next", to = "query:cursor" }}
end = ["no-next"]
incremental = {{ type = "window", from = "start_time", to = "end_time", format = "s", start = "{start}", {windows} }}
"""


@dataclass
class Audit:
    """``most``: records of one question that can be paged through. ``takes_times``: False where it ignores them."""

    records: list[dict[str, Any]] = field(default_factory=list)
    most: int = 1_000_000
    takes_times: bool = True
    most_at_once: int = 0
    gate: threading.Barrier | None = None
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, _path: str, query: Mapping[str, str]) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.gate is not None:
                self.gate.wait(20)
            return self._answer(query)
        except threading.BrokenBarrierError:
            return Reply({}, 503)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, query: Mapping[str, str]) -> Reply:
        start, end = int(query["start_time"]), int(query["end_time"])
        found = [record for record in self.records if not self.takes_times or start <= record["at"] <= end]
        # A cursor is bound to the question that it was given for.
        bound, _, place = query.get("cursor", f"{start}-{end}:0").partition(":")
        if bound != f"{start}-{end}":
            return Reply({"code": "bad_request"}, 400)
        offset = int(place)
        if offset + PAGE > self.most and offset < len(found):
            return TOO_LARGE
        more = offset + PAGE < len(found)
        return Reply({"entries": found[offset : offset + PAGE], "next": f"{bound}:{offset + PAGE}" if more else None})


def timed_records(first: int, seconds: list[int]) -> list[dict[str, Any]]:
    """Records with the ids ``e0000`` and so on, at these times."""
    return [{"id": f"e{first + n:05}", "at": at} for n, at in enumerate(seconds)]
