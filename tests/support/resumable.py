"""APIs of one growing log, each of which says in a way of its own where a later sync goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.jsonapi import Reply

PAGE = 10
GONE = Reply({"error": {"code": "syncStateNotFound", "message": "sync again"}}, 410)
_FILE = """
[source]
name = "log"
base_url = "{base_url}"

[streams.changes]
url = "/changes"
records = "value"
id = "id"
time = "at"
order = "oldest-first"
incremental = {{ type = "resume" }}
{paging}
"""


@dataclass
class Log:
    """``kind``: whose dialect it speaks. ``lost``: tokens that it has no use for any more, and what it answers."""

    kind: str
    records: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[str, Reply] = field(default_factory=dict)

    def grow(self, count: int) -> None:
        first = len(self.records)
        self.records += [{"id": f"r{n:04}", "at": 1_700_000_000 + n} for n in range(first, first + count)]

    def answer(self, _path: str, query: Mapping[str, str]) -> Reply:
        for text in query.values():
            if text in self.lost:
                return self.lost[text]
        reply: Reply = getattr(self, f"_{self.kind}")(query)
        return reply

    def _graph(self, query: Mapping[str, str]) -> Reply:
        start, page, is_last = self._page(query.get("$skiptoken") or query.get("$deltatoken"))
        end = start + len(page)
        link = f"/changes?$deltatoken=t{end}" if is_last else f"/changes?$skiptoken=t{end}"
        return Reply({"value": page, "@odata.deltaLink" if is_last else "@odata.nextLink": link})

    def _google(self, query: Mapping[str, str]) -> Reply:
        start, page, is_last = self._page(query.get("pageToken") or query.get("syncToken"))
        if query.get("show") != "all":
            return Reply({"error": "other parameters than those of the sync"}, 400)
        token = f"t{start + len(page)}"
        return Reply({"value": page, "nextSyncToken" if is_last else "nextPageToken": token})

    def _zendesk(self, query: Mapping[str, str]) -> Reply:
        if ("cursor" in query) is ("start_time" in query):
            return Reply({"error": "one of cursor and start_time"}, 400)
        start, page, is_last = self._page(query.get("cursor"))
        return Reply({"value": page, "after_cursor": f"t{start + len(page)}", "end_of_stream": is_last})

    def _matrix(self, query: Mapping[str, str]) -> Reply:
        start, page, is_last = self._page(query.get("from"))
        return Reply({"value": page} if is_last else {"value": page, "end": f"t{start + len(page)}"})

    def _okta(self, query: Mapping[str, str]) -> Reply:
        start, page, _ = self._page(query.get("after"))
        return Reply({"value": page}, headers={"Link": f'</changes?after=t{start + len(page)}>; rel="next"'})

    def _cloudwatch(self, query: Mapping[str, str]) -> Reply:
        start, page, _ = self._page(query.get("nextToken"))
        return Reply({"value": page, "nextForwardToken": f"t{start + len(page)}"})

    def _page(self, token: str | None) -> tuple[int, list[dict[str, Any]], bool]:
        start = 0 if token is None else int(token.removeprefix("t"))
        return start, self.records[start : start + PAGE], start + PAGE >= len(self.records)


PAGING = {
    "graph": """
next = { from = 'body:"@odata.nextLink"', to = "url" }
tail = 'body:"@odata.deltaLink"'
end = ["no-next", "resumable"]
""",
    "google": """
query = { show = "all" }
next = { from = "body:nextPageToken", to = "query:pageToken" }
tail = { from = "body:nextSyncToken", to = "query:syncToken" }
end = ["no-next", "resumable"]
""",
    "zendesk": """
query = { start_time = "0" }
next = { from = "body:after_cursor", to = "query:cursor", keep = "none" }
end = ["flag:end_of_stream=true", "resumable"]
""",
    "matrix": """
next = { from = "body:end", to = "query:from" }
end = ["no-next", "resumable"]
""",
    "cloudwatch": """
next = { from = "body:nextForwardToken", to = "query:nextToken" }
end = ["repeat", "resumable"]
""",
    "okta": """
next = { from = "link:next", to = "url" }
end = ["empty", "resumable"]
""",
}
"""How a file says it."""


def log_source(kind: str, base_url: str, more: str = "") -> str:
    return _FILE.format(base_url=base_url, paging=PAGING[kind]) + more
