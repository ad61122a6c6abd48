"""GitLab's issues of a project: numbered pages by a Link header up to a largest offset, 429 with RateLimit-*.

https://docs.gitlab.com/api/rest/ and https://docs.gitlab.com/api/issues/
"""

from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, pairs, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 100
_LARGEST_OFFSET = 50_000


class GitLab(PublicApi):
    """`GET /projects/ID/issues`, each project with the same issues. `largest_offset` is lower than the real one."""

    name = "gitlab"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "offset-too-large")

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

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"private-token", "").startswith("glpat-"):
            return refused(401, {"message": "401 Unauthorized"})
        match path.split("/"):
            case ["", "projects", _, "issues"]:
                return self._issues(call, path)
        return refused(404, {"error": "404 Not Found"})

    def _issues(self, call: Call, path: str) -> Reply:
        size, number = min(int(call.params.get("per_page", 20)), _MOST), int(call.params.get("page", 1))
        if (number - 1) * size > _LARGEST_OFFSET:
            return self.faulty("offset-too-large", call, path)
        since = call.params.get("updated_after", "")
        found = sorted(
            (issue for issue in self.records["issues"] if _instant(issue["updated_at"]) >= _instant(since)),
            key=lambda issue: (issue["updated_at"], issue["id"]),
            reverse=call.params.get("sort", "desc") == "desc",
        )
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

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                reset = str(call.moment.epoch_ms // 1_000 + 1)
                headers = (("Retry-After", "1"), ("RateLimit-Remaining", "0"), ("RateLimit-Reset", reset))
                reply = Reply(429, b"Retry later\n", content_type="text/plain")
                reply.headers += headers
                return reply
            case "offset-too-large":
                text = (
                    f"Offset pagination has a maximum allowed offset of {_LARGEST_OFFSET} for requests that return"
                    " objects of type Issue. Remaining records can be retrieved using keyset pagination."
                )
                return refused(405, {"error": text})
        return Reply(502, b"<html>502</html>", content_type="text/html")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
