"""Microsoft Graph's delta of messages: links through empty pages to a delta link, which begins the next round.

https://learn.microsoft.com/graph/delta-query-overview and https://learn.microsoft.com/graph/delta-query-messages
"""

from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_PAGE = 100
_TOKEN = "graph-access-token-4711"


class Graph(PublicApi):
    """`GET /v1.0/users/USER/mailFolders/FOLDER/messages/delta`, and the token endpoint of its tenant.

    Each folder has the same messages. Each third page of a chain is empty.
    """

    name = "graph"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "resync", "token-expired")

    def __init__(self, seed: int, total: int) -> None:
        super().__init__(seed, total)
        self.changes: list[Record] = []
        """What the next round gives besides: messages that were read, and notices of those that are gone."""

    def streams(self) -> tuple[str, ...]:
        return ("messages",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "@odata.type": "#microsoft.graph.message",
            "@odata.etag": f'W/"CQAAABYAAAARn2v{number:08d}"',
            "id": f"AAMkADNkNAAASq35{number:08d}=",
            "subject": f"Message {number}: “{number % 100} %”",
            "isRead": False,
            "receivedDateTime": at,
            "lastModifiedDateTime": at,
        }

    def changed(self, record: Record, at: datetime) -> Record:
        return {**record, "isRead": True, "lastModifiedDateTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def page(self, call: Call, path: str) -> Reply:
        if path.endswith("/oauth2/v2.0/token") and call.method == "POST":
            return self._token(call)
        if call.fields.get(b"authorization") != f"Bearer {_TOKEN}":
            return _error(401, "InvalidAuthenticationToken", "Access token is empty or expired.")
        match path.split("/"):
            case ["", "v1.0", "users", _, "mailFolders", _, "messages", "delta"]:
                pass
            case _:
                return _error(400, "BadRequest", "Resource not found for the segment.")
        reported = call.params.get("$deltatoken") or call.params.get("$skiptoken") or "0.0"
        place, _, gap = reported.partition(".")
        if not (place.isdigit() and gap.isdigit()):
            return self.faulty("resync", call, path)
        return json_reply(self._delta(call, path, int(place), int(gap)))

    def _delta(self, call: Call, path: str, place: int, gap: int) -> dict[str, Any]:
        link = f"{self.base(call)}{path}"
        context = {"@odata.context": f"{self.base(call)}/v1.0/$metadata#Collection(message)"}
        if not gap and place // _PAGE % 3 == 2:
            return {**context, "@odata.nextLink": f"{link}?$skiptoken={place}.1", "value": []}
        messages = self.records["messages"]
        value = messages[place : place + _PAGE]
        following = place + len(value)
        if following < len(messages):
            return {**context, "@odata.nextLink": f"{link}?$skiptoken={following}.0", "value": value}
        changed, self.changes = self.changes, []
        return {**context, "@odata.deltaLink": f"{link}?$deltatoken={following}.0", "value": [*value, *changed]}

    def _token(self, call: Call) -> Reply:
        form = parse_qs(call.upload.content().decode())
        if form.get("grant_type") != ["client_credentials"] or form.get("client_secret") != ["graph-secret-4711"]:
            return refused(
                401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}
            )
        return json_reply({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": _TOKEN})

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                reply = _error(429, "TooManyRequests", "Too many requests")
                reply.headers.append(("Retry-After", "1"))
                return reply
            case "resync":
                reply = _error(410, "syncStateNotFound", "The sync state generation is not found.")
                reply.headers.append(("Location", f"{self.base(call)}{path}"))
                return reply
            case "token-expired":
                return _error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        return _error(503, "ServiceNotAvailable", "Service unavailable")

    def control(self, action: str, given: Any) -> Any:
        match action:
            case "remove":
                self.changes += [{"id": str(one), "@removed": {"reason": "deleted"}} for one in given["ids"]]
                return self.changes
            case "change":
                self.changes.append(super().control(action, given))
                return self.changes
        return super().control(action, given)


def _error(status: int, code: str, message: str) -> Reply:
    return refused(status, {"error": {"code": code, "message": message, "innerError": {"date": "2025-01-01T00:00:00"}}})
