"""Slack's history of a channel: cursors in the body, errors in a 200, 429 with Retry-After.

https://docs.slack.dev/reference/methods/conversations.history and https://docs.slack.dev/apis/web-api/pagination
"""

from base64 import b64decode, b64encode
from typing import ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 999
_CURSOR = "next_ts:"


class Slack(PublicApi):
    """`GET /conversations.history`, each channel with the same messages."""

    name = "slack"
    faults: ClassVar[tuple[str, ...]] = ("ratelimited", "ratelimited-in-200", "internal-error", "invalid-cursor")

    def streams(self) -> tuple[str, ...]:
        return ("messages",)

    def made(self, stream: str, number: int) -> Record:
        return {
            "type": "message",
            "user": f"U{number % 9:08d}",
            "text": f"Message {number}: <@U1> “{number % 100} %” &amp; more",
            "ts": f"{BASE_TIME_S + number // 3}.{number % 3:06d}",
            "team": "T0001",
        }

    def page(self, call: Call, path: str) -> Reply:
        if path != "/conversations.history":
            return json_reply({"ok": False, "error": "unknown_method"})
        if not call.fields.get(b"authorization", "").startswith("Bearer xoxb-"):
            return json_reply({"ok": False, "error": "not_authed"})
        if "channel" not in call.params:
            return json_reply({"ok": False, "error": "channel_not_found"})
        size = min(int(call.params.get("limit", 100)), _MOST)
        before = _read(call.params["cursor"]) if call.params.get("cursor") else None
        if before == "":
            return json_reply({"ok": False, "error": "invalid_cursor"})
        oldest = call.params.get("oldest", "0")
        found = [
            message
            for message in reversed(self.records["messages"])
            if (before is None or message["ts"] < before) and float(message["ts"]) >= float(oldest)
        ]
        has_more = len(found) > size
        following = b64encode(f"{_CURSOR}{found[size - 1]['ts']}".encode()).decode() if has_more else ""
        page = {"ok": True, "messages": found[:size], "has_more": has_more, "pin_count": 0}
        reply = json_reply(page | ({"response_metadata": {"next_cursor": following}} if has_more else {}))
        reply.served = min(size, len(found))
        return reply

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "ratelimited":
                return refused(429, {"ok": False, "error": "ratelimited"}, ("Retry-After", "1"))
            case "ratelimited-in-200":
                return json_reply({"ok": False, "error": "ratelimited"})
            case "invalid-cursor":
                return json_reply({"ok": False, "error": "invalid_cursor"})
        return json_reply({"ok": False, "error": "internal_error"})


def _read(cursor: str) -> str:
    """The time that a cursor stands for; empty where it is none."""
    try:
        text = b64decode(cursor, validate=True).decode()
    except ValueError:
        return ""
    return text.removeprefix(_CURSOR) if text.startswith(_CURSOR) else ""
