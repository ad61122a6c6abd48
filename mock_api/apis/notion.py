"""Notion's query of a database: a cursor in the body of a POST, 429 with Retry-After.

https://developers.notion.com/reference/post-database-query and https://developers.notion.com/reference/intro#pagination
"""

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, body_of, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 100


class Notion(PublicApi):
    """`POST /databases/ID/query`, each database with the same pages. Times are of whole minutes."""

    name = "notion"
    faults: ClassVar[tuple[str, ...]] = ("rate-limited", "invalid-cursor", "unavailable")

    def streams(self) -> tuple[str, ...]:
        return ("pages",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + 60 * (number // 4), UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
        return {
            "object": "page",
            "id": str(UUID(int=number + 1)),
            "created_time": at,
            "last_edited_time": at,
            "archived": False,
            "properties": {
                "Name": {"id": "title", "type": "title", "title": [{"plain_text": f"Page {number}"}]},
                "Count": {"id": "%3AUPp", "type": "number", "number": number + 0.5},
            },
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Bearer ntn_"):
            return _error(401, "unauthorized", "API token is invalid.")
        if call.fields.get(b"notion-version") is None:
            return _error(400, "missing_version", "Notion-Version header should be defined")
        match path.split("/"):
            case ["", "databases", _, "query"] if call.method == "POST":
                return self._query(body_of(call))
        return _error(404, "object_not_found", "Could not find database")

    def _query(self, asked: dict[str, Any]) -> Reply:
        size = min(int(asked.get("page_size", _MOST)), _MOST)
        since = asked.get("filter", {}).get("last_edited_time", {}).get("on_or_after", "0001-01-01T00:00:00Z")
        found = [
            page
            for page in self.records["pages"]
            if datetime.fromisoformat(page["last_edited_time"]) >= datetime.fromisoformat(since)
        ]
        found.sort(key=lambda page: (page["last_edited_time"], page["id"]))
        if asked.get("sorts", [{}])[0].get("direction") == "descending":
            found.reverse()
        start = 0
        if (cursor := asked.get("start_cursor")) is not None:
            ids = [page["id"] for page in found]
            if cursor not in ids:
                return _invalid_cursor(cursor)
            start = ids.index(cursor)
        following = found[start + size]["id"] if len(found) > start + size else None
        page = {"object": "list", "results": found[start : start + size], "next_cursor": following}
        return json_reply({**page, "has_more": following is not None, "type": "page_or_database"})

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "rate-limited":
                reply = _error(429, "rate_limited", "You have been rate limited. Please try again in a few minutes.")
                reply.headers.append(("Retry-After", "1"))
                return reply
            case "invalid-cursor":
                return _invalid_cursor("of an earlier query")
        return _error(503, "service_unavailable", "Public API service is temporarily unavailable")


def _invalid_cursor(cursor: str) -> Reply:
    return _error(400, "validation_error", f"The start_cursor provided is invalid: {cursor}")


def _error(status: int, code: str, message: str) -> Reply:
    return refused(status, {"object": "error", "status": status, "code": code, "message": message})
