"""Crossref's works: a cursor that begins with `*` and never ends to be there; an empty page is the end.

https://github.com/CrossRef/rest-api-doc and https://www.crossref.org/documentation/retrieve-metadata/rest-api/
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any, ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 1_000


class Crossref(PublicApi):
    """`GET /works` by cursor, filtered by the day of indexing."""

    name = "crossref"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "cursor-expired")

    def streams(self) -> tuple[str, ...]:
        return ("works",)

    def made(self, stream: str, number: int) -> Record:
        moment = datetime.fromtimestamp(BASE_TIME_S + 3_600 * (number // 50), UTC)
        indexed = {
            "date-parts": [[moment.year, moment.month, moment.day]],
            "date-time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timestamp": int(moment.timestamp() * 1_000),
        }
        return {
            "DOI": f"10.5555/{number:08d}/a+b%2f",
            "title": [f"A Study of {number}"],
            "type": "journal-article",
            "indexed": indexed,
            "score": 1.0,
            "member": "7822",
        }

    def page(self, call: Call, path: str) -> Reply:
        if path != "/works":
            return Reply(404, b"Resource not found.", content_type="text/plain")
        size = min(int(call.params.get("rows", 20)), _MOST)
        day = next(
            (text[16:] for text in call.params.get("filter", "").split(",") if text.startswith("from-index-date:")), ""
        )
        found = [work for work in self.records["works"] if work["indexed"]["date-time"][:10] >= day]
        cursor = call.params.get("cursor", "*")
        start = 0 if cursor == "*" else _read(cursor)
        if start is None:
            return self.faulty("cursor-expired", call, path)
        items = found[start : start + size]
        following = b64encode(f"DnF1ZXJ5/{start + len(items)}+".encode()).decode()
        message: dict[str, Any] = {"total-results": len(found), "items": items, "items-per-page": size}
        message["next-cursor"] = following
        reply = json_reply({"status": "ok", "message-type": "work-list", "message": message})
        reply.headers += [("X-Rate-Limit-Limit", "50"), ("X-Rate-Limit-Interval", "1s")]
        return reply

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                reply = Reply(429, b"Too many requests", content_type="text/plain")
                reply.headers += [("Retry-After", "1")]
                return reply
            case "cursor-expired":
                what = {"type": "cursor-invalid", "value": call.params.get("cursor"), "message": "Cursor expired"}
                return json_reply({"status": "failed", "message-type": "validation-failure", "message": [what]}, 400)
        return Reply(503, b"Service unavailable", content_type="text/plain")


def _read(cursor: str) -> int | None:
    try:
        text = b64decode(cursor, validate=True).decode()
    except ValueError:
        return None
    number = text.removeprefix("DnF1ZXJ5/").removesuffix("+")
    return int(number) if number.isdigit() else None
