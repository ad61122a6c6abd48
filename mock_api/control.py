"""`/__control/...`: faults, growth and statistics at run time, outside of the imitated API.

Answers calls like the API does, but never damages its own answers and is not counted in the statistics.
"""

import json
from typing import Any

from mock_api.apis.all import PublicApis
from mock_api.calls import Call
from mock_api.faultplan import FaultPlan
from mock_api.faults import Rule
from mock_api.feed import Feed
from mock_api.records import Records
from mock_api.replies import Reply, json_reply
from mock_api.stats import Stats

PREFIX = "/__control/"


class Control:
    """The controls of one server."""

    def __init__(self, feed: Feed, records: Records, apis: PublicApis, plan: FaultPlan, stats: Stats) -> None:
        self._grown: dict[str, Feed | Records] = {"events": feed, "records": records}
        self._apis = apis
        self._plan = plan
        self._stats = stats

    def answer(self, call: Call) -> Reply:
        """Carry out a control call."""
        try:
            match call.method, call.path.removeprefix(PREFIX):
                case "GET", "stats":
                    last = call.params.get("last")
                    return json_reply(
                        self._stats.described(None if last is None else _count(last, "last"), call.moment)
                    )
                case "DELETE", "stats":
                    self._stats.clear()
                    return json_reply({})
                case "GET", "faults":
                    return self._rules()
                case "POST", "faults":
                    self._plan.install(_rules_from(call.upload.content()))
                    return self._rules()
                case "DELETE", "faults":
                    self._plan.clear()
                    return self._rules()
                case "GET" | "POST", place if place.startswith("apis/"):
                    return json_reply(self._apis.control(call, place.removeprefix("apis/")))
                case "POST", "grow":
                    return json_reply({"total": self._growing(call).grow(_count(call.params.get("by", ""), "by"))})
        except ValueError as exc:
            return json_reply({"error": str(exc)}, 400)
        return json_reply({"error": f"no such control: {call.method} {call.path}"}, 404)

    def _growing(self, call: Call) -> Feed | Records:
        what = call.params.get("of", "events")
        if what not in self._grown:
            raise ValueError(f"of must be one of {', '.join(self._grown)}, not {what!r}")
        return self._grown[what]

    def _rules(self) -> Reply:
        return json_reply({"faults": [rule.described() for rule in self._plan.rules()]})


def _rules_from(body: bytes) -> list[Rule]:
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise ValueError("the body is not valid JSON") from exc
    listed = given if isinstance(given, list) else [given]
    if not all(isinstance(each, dict) for each in listed):
        raise ValueError("expected a rule, which is an object, or a list of rules")
    # All are checked before any is installed.
    return [Rule.from_mapping(each) for each in listed]


def _count(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{name} must be a number of 0 or more, not {text!r}")
    return int(text)
