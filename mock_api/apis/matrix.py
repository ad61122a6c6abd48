"""Matrix's messages of a room: the oldest first, empty pages, an end that says nothing, waits in the body.

https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3roomsroomidmessages
"""

from typing import Any, ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 1_000


class Matrix(PublicApi):
    """`GET /_matrix/client/v3/rooms/ROOM/messages?dir=f`. Every seventh page of a chain is empty and goes on."""

    name = "matrix"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "unknown-token")

    def streams(self) -> tuple[str, ...]:
        return ("messages",)

    def made(self, stream: str, number: int) -> Record:
        return {
            "type": "m.room.message",
            "room_id": "!room:example.org",
            "sender": f"@user{number % 7}:example.org",
            "event_id": f"$event{number:08d}",
            "origin_server_ts": BASE_TIME_S * 1_000 + number * 137,
            "content": {"msgtype": "m.text", "body": f"Message {number}"},
            "unsigned": {},
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Bearer syt_"):
            return _error(401, "M_MISSING_TOKEN", "Missing access token")
        match path.split("/"):
            case ["", "_matrix", "client", "v3", "rooms", _, "messages"] if call.params.get("dir") == "f":
                return self._messages(call, path)
        return _error(404, "M_UNRECOGNIZED", "Unrecognized request")

    def _messages(self, call: Call, path: str) -> Reply:
        size = min(int(call.params.get("limit", 10)), _MOST)
        start = _read(call.params.get("from", "t0_0"))
        if start is None:
            return self.faulty("unknown-token", call, path)
        place, gap = start
        token = f"t{place}_{gap}"
        if place and not gap and place // size % 7 == 6:
            return json_reply({"start": token, "end": f"t{place}_1", "chunk": []})
        chunk = self.records["messages"][place : place + size]
        page: dict[str, Any] = {"start": token, "chunk": chunk}
        if chunk:
            page["end"] = f"t{place + len(chunk)}_0"
        return json_reply(page)

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                return refused(
                    429, {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 900}
                )
            case "unknown-token":
                return _error(400, "M_UNKNOWN", "Invalid stream token")
        return Reply(502, b"<html>502</html>", content_type="text/html")


def _read(token: str) -> tuple[int, int] | None:
    place, _, gap = token.removeprefix("t").partition("_")
    return (int(place), int(gap)) if place.isdigit() and gap.isdigit() else None


def _error(status: int, code: str, message: str) -> Reply:
    return refused(status, {"errcode": code, "error": message})
