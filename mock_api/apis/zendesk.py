"""Zendesk's incremental export of tickets: a cursor that is a bookmark, and says where the stream ends.

https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 1_000


class Zendesk(PublicApi):
    """`GET /api/v2/incremental/tickets/cursor.json`."""

    name = "zendesk"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "invalid-cursor")

    def streams(self) -> tuple[str, ...]:
        return ("tickets",)

    def made(self, stream: str, number: int) -> Record:
        at = BASE_TIME_S + number
        return {
            "id": number + 1,
            "url": f"https://acme.zendesk.com/api/v2/tickets/{number + 1}.json",
            "subject": f"Ticket {number}: “{number % 100} %”",
            "status": "deleted" if number % 50 == 49 else "open",
            "created_at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated_at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "generated_timestamp": at,
            "tags": [],
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Basic "):
            return refused(401, {"error": "Couldn't authenticate you"})
        if path != "/api/v2/incremental/tickets/cursor.json":
            return refused(404, {"error": "InvalidEndpoint", "description": "Not found"})
        size = min(int(call.params.get("per_page", _MOST)), _MOST)
        if "cursor" in call.params:
            start = _read(call.params["cursor"])
            if start is None:
                return self.faulty("invalid-cursor", call, path)
        elif "start_time" in call.params:
            since = int(call.params["start_time"])
            start = sum(ticket["generated_timestamp"] < since for ticket in self.records["tickets"])
        else:
            return refused(400, {"error": {"title": "Missing parameter", "message": "start_time or cursor is needed"}})
        tickets = self.records["tickets"][start : start + size]
        cursor = b64encode(f"{BASE_TIME_S}|{start + len(tickets)}".encode()).decode()
        place = f"{self.base(call)}{path}?per_page={size}&cursor={cursor}"
        ends = start + size >= len(self.records["tickets"])
        page = {"tickets": tickets, "after_cursor": cursor, "after_url": place, "end_of_stream": ends}
        return json_reply({**page, "before_cursor": None, "before_url": None})

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                return refused(429, {"error": "APIRateLimitExceeded", "description": "Wait"}, ("Retry-After", "1"))
            case "invalid-cursor":
                return refused(422, {"error": "InvalidValue", "description": "Cursor is invalid"})
        return Reply(503, b"<html>503</html>", content_type="text/html")


def _read(cursor: str) -> int | None:
    try:
        number = b64decode(cursor, validate=True).decode().partition("|")[2]
    except ValueError:
        return None
    return int(number) if number.isdigit() else None
