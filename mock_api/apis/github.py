"""GitHub's list of a repository's issues: pages by a Link header, 403 as a rate limit, ETags.

https://docs.github.com/en/rest/issues/issues and https://docs.github.com/en/rest/using-the-rest-api
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, pairs, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 100
_DOCUMENTATION = "https://docs.github.com/rest"


class GitHub(PublicApi):
    """`GET /repos/OWNER/REPO/issues`, each repository with the same issues."""

    name = "github"
    faults: ClassVar[tuple[str, ...]] = ("primary-limit", "secondary-limit", "silent-limit", "unavailable")

    def streams(self) -> tuple[str, ...]:
        return ("issues",)

    def made(self, stream: str, number: int) -> Record:
        updated = datetime.fromtimestamp(BASE_TIME_S + 60 * number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "id": 2_000_000_000 + number,
            "node_id": f"I_kwDO{number:08d}",
            "number": number + 1,
            "title": f"Issue {number + 1}",
            "state": "closed" if number % 3 else "open",
            "comments": number % 5,
            "created_at": updated,
            "updated_at": updated,
            "user": {"login": f"user{number % 7}", "id": number % 7},
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Bearer "):
            return refused(401, {"message": "Requires authentication", "documentation_url": _DOCUMENTATION})
        match path.split("/"):
            case ["", "repos", _, _, "issues"]:
                return self._issues(call, path)
        return refused(404, {"message": "Not Found", "documentation_url": _DOCUMENTATION})

    def _issues(self, call: Call, path: str) -> Reply:
        size, number = int(call.params.get("per_page", 30)), int(call.params.get("page", 1))
        size = min(size, _MOST)
        since = call.params.get("since", "")
        found = sorted(
            (issue for issue in self.records["issues"] if issue["updated_at"] >= since),
            key=lambda issue: issue["updated_at"],
            reverse=call.params.get("direction", "desc") == "desc",
        )
        reply = json_reply(found[(number - 1) * size : number * size])
        reply.served = min(size, max(0, len(found) - (number - 1) * size))
        last = max(1, -(-len(found) // size))
        kept = "&".join(f"{name}={value}" for name, value in pairs(call) if name != "page")
        places = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        wanted = (["prev"] if number > 1 else []) + (["next", "last"] if number < last else [])
        links = [f'<{self.base(call)}{path}?{kept}&page={places[rel]}>; rel="{rel}"' for rel in wanted]
        if links:
            reply.headers.append(("Link", ", ".join(links)))
        tag = f'W/"{sha256(reply.body).hexdigest()}"'
        if call.fields.get(b"if-none-match") == tag:
            reply = Reply(304, b"")
        reply.headers += [("ETag", tag), ("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4999")]
        return reply

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "primary-limit":
                text = "API rate limit exceeded for user ID 1."
                reset = str(call.moment.epoch_ms // 1_000 + 1)
                headers = (("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", reset))
                return refused(403, {"message": text, "documentation_url": _DOCUMENTATION}, *headers)
            case "secondary-limit" | "silent-limit":
                text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                waits = [("Retry-After", "1")] if fault == "secondary-limit" else []
                return refused(403, {"message": text, "documentation_url": _DOCUMENTATION}, *waits)
        return refused(502, {"message": "Server Error"})
