"""GitLab's issues of a project: keyset pages by a Link header, numbered ones up to a largest offset, 429.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/issues/
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, pairs, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 100
_LARGEST_OFFSET = 50_000
_KEYSETS = ("created_at", "updated_at", "title", "id", "weight", "due_date", "relative_position")


class GitLab(PublicApi):
    """`GET /projects/ID/issues`, each project with the same issues. `largest_offset` is lower than the real one."""

    name = "gitlab"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable")

    def streams(self) -> tuple[str, ...]:
        return ("issues",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + 60 * (number // 2), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return {
            "id": 76_000 + number,
            "iid": number + 1,
            "project_id": 4,
            "title": f"Issue {number + 1}: “{number % 13} %”",
            "state": "closed" if number % 2 else "opened",
            "created_at": at,
            "updated_at": at,
            "labels": ["bug"] * (number % 3),
            "author": {"id": number % 7, "username": f"user{number % 7}"},
        }

    def changed(self, record: Record, at: datetime) -> Record:
        return {**record, "title": "Changed", "updated_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")}

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"private-token", "").startswith("glpat-"):
            return refused(401, {"message": "401 Unauthorized"})
        match path.split("/"):
            case ["", "projects", _, "issues"]:
                return self._issues(call, path)
        return refused(404, {"error": "404 Not Found"})

    def _issues(self, call: Call, path: str) -> Reply:
        size, number = min(int(call.params.get("per_page", 20)), _MOST), int(call.params.get("page", 1))
        is_keyset = call.params.get("pagination") == "keyset"
        if is_keyset and call.params.get("order_by") not in _KEYSETS:
            return refused(405, {"error": "Keyset pagination is not yet available for this type of request"})
        if not is_keyset and (number - 1) * size > _LARGEST_OFFSET:
            return _too_far()
        since = call.params.get("updated_after", "")
        found = sorted(
            (issue for issue in self.records["issues"] if _instant(issue["updated_at"]) >= _instant(since)),
            key=lambda issue: (issue["updated_at"], issue["id"]),
            reverse=call.params.get("sort", "desc") == "desc",
        )
        if is_keyset:
            return self._behind_key(call, found, size)
        reply = json_reply(found[(number - 1) * size : number * size])
        last = max(1, -(-len(found) // size))
        places = {"prev": number - 1, "next": number + 1, "first": 1, "last": last}
        wanted = (["prev"] if number > 1 else []) + (["next"] if number < last else []) + ["first", "last"]
        kept = [pair for pair in pairs(call) if pair[0] != "page"]
        place = f"{self.base(call)}{call.path.removeprefix(f'/apis/{self.name}')}"
        links = [f'<{place}?{urlencode([*kept, ("page", str(places[rel]))])}>; rel="{rel}"' for rel in wanted]
        reply.headers += [("Link", ", ".join(links)), ("X-Total", str(len(found))), ("X-Page", str(number))]
        reply.headers += [("RateLimit-Limit", "2000"), ("RateLimit-Remaining", "1999")]
        return reply

    def _behind_key(self, call: Call, found: list[Record], size: int) -> Reply:
        is_ascending = call.params.get("sort", "desc") == "asc"
        if (cursor := call.params.get("cursor")) is not None:
            at, _, reported_id = urlsafe_b64decode(cursor).decode().partition("|")
            key = (at, int(reported_id))
            found = [one for one in found if (_key(one) > key if is_ascending else _key(one) < key)]
        reply = json_reply(found[:size])
        if len(found) > size:
            at, last_id = _key(found[size - 1])
            following = urlsafe_b64encode(f"{at}|{last_id}".encode()).decode()
            kept = [pair for pair in pairs(call) if pair[0] != "cursor"]
            place = f"{self.base(call)}{call.path.removeprefix(f'/apis/{self.name}')}"
            reply.headers.append(("Link", f'<{place}?{urlencode([*kept, ("cursor", following)])}>; rel="next"'))
        reply.headers += [("RateLimit-Limit", "2000"), ("RateLimit-Remaining", "1999")]
        return reply

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                reset = str(call.moment.epoch_ms // 1_000 + 1)
                headers = (("Retry-After", "1"), ("RateLimit-Remaining", "0"), ("RateLimit-Reset", reset))
                reply = Reply(429, b"Retry later\n", content_type="text/plain")
                reply.headers += headers
                return reply
        return Reply(502, b"<html>502</html>", content_type="text/html")


def _too_far() -> Reply:
    text = (
        f"Offset pagination has a maximum allowed offset of {_LARGEST_OFFSET} for requests that return objects of type"
        " Issue. Remaining records can be retrieved using keyset pagination."
    )
    return refused(405, {"error": text})


def _key(issue: Record) -> tuple[str, int]:
    """By the time, and of one time by the id."""
    return issue["updated_at"], issue["id"]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
