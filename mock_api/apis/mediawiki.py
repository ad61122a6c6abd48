"""MediaWiki's list of recent changes: an object that is merged into the query, errors in a 200, maxlag.

https://www.mediawiki.org/wiki/API:RecentChanges and https://www.mediawiki.org/wiki/API:Continue
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 500


class MediaWiki(PublicApi):
    """`GET /api.php?action=query&list=recentchanges`."""

    name = "mediawiki"
    faults: ClassVar[tuple[str, ...]] = ("maxlag", "ratelimited", "internal-error", "bad-continue")

    def streams(self) -> tuple[str, ...]:
        return ("changes",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + number // 3, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "type": "new" if number % 10 == 0 else "edit",
            "ns": 0,
            "title": f"Page {number % 97}",
            "pageid": number % 97 + 1,
            "revid": 10_000 + number,
            "old_revid": 10_000 + number - 97 if number >= 97 else 0,
            "rcid": number + 1,
            "user": f"User{number % 7}",
            "oldlen": number,
            "newlen": number + 3,
            "timestamp": at,
            "comment": f"/* Section */ “{number % 100} %”",
        }

    def page(self, call: Call, path: str) -> Reply:
        params = call.params
        if path != "/api.php" or params.get("action") != "query" or params.get("list") != "recentchanges":
            return _error("badvalue", 'Unrecognized value for parameter "action".')
        size = _MOST if params.get("rclimit") == "max" else min(int(params.get("rclimit", 10)), _MOST)
        start = params.get("rcstart", "")
        found = [change for change in self.records["changes"] if change["timestamp"] >= start]
        found.sort(key=lambda change: (change["timestamp"], change["rcid"]))
        if params.get("rcdir", "older") == "older":
            found.reverse()
        if place := params.get("rccontinue"):
            stamp, _, rcid = place.partition("|")
            begins = [n for n, c in enumerate(found) if _compact(c) == stamp and str(c["rcid"]) == rcid]
            if not begins:
                return self.faulty("bad-continue", call, path)
            found = found[begins[0] :]
        body: dict[str, Any] = {"batchcomplete": True}
        if len(found) > size:
            following = found[size]
            body["continue"] = {"rccontinue": f"{_compact(following)}|{following['rcid']}", "continue": "-||"}
        return json_reply({**body, "query": {"recentchanges": found[:size]}})

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "maxlag":
                reply = _error("maxlag", "Waiting for 10.64.32.21: 5.3 seconds lagged.")
                reply.headers += [("Retry-After", "1"), ("X-Database-Lag", "5")]
                return reply
            case "ratelimited":
                return _error("ratelimited", "You've exceeded your rate limit. Please wait some time and try again.")
            case "bad-continue":
                return _error("badcontinue", "Invalid continue param. You should pass the original value.")
        return _error("internal_api_error_DBQueryError", "[abc] Caught exception of type DBQueryError")


def _compact(change: Record) -> str:
    return "".join(character for character in str(change["timestamp"]) if character.isdigit())


def _error(code: str, info: str) -> Reply:
    reply = json_reply({"error": {"code": code, "info": info, "docref": "See api.php for API usage."}})
    reply.headers.append(("MediaWiki-API-Error", code))
    return reply
