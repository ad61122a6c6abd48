"""Stripe's list of events: the newest first, from the last id on; ids that are not known are refused.

https://docs.stripe.com/api/events/list and https://docs.stripe.com/api/pagination
"""

from typing import ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 100


class Stripe(PublicApi):
    """`GET /v1/events`."""

    name = "stripe"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "missing-cursor")

    def streams(self) -> tuple[str, ...]:
        return ("events",)

    def made(self, stream: str, number: int) -> Record:
        customer = {"id": f"cus_{number % 11:06d}", "object": "customer", "balance": -number}
        return {
            "id": f"evt_1{number:010d}",
            "object": "event",
            "api_version": "2024-06-20",
            "created": BASE_TIME_S + number // 4,
            "type": "customer.updated" if number % 2 else "customer.created",
            "livemode": False,
            "pending_webhooks": 0,
            "data": {"object": customer},
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Bearer sk_"):
            return _error(401, "invalid_request_error", "You did not provide an API key.")
        if path != "/v1/events":
            return _error(404, "invalid_request_error", f"Unrecognized request URL (GET: {path}).")
        size = min(int(call.params.get("limit", 10)), _MOST)
        found = list(reversed(self.records["events"]))
        if (after := call.params.get("starting_after")) is not None:
            ids = [event["id"] for event in found]
            if after not in ids:
                return self.faulty("missing-cursor", call, path)
            found = found[ids.index(after) + 1 :]
        page = {"object": "list", "url": path, "has_more": len(found) > size, "data": found[:size]}
        return json_reply(page)

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                reply = _error(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")
                reply.headers.append(("Stripe-Rate-Limited-Reason", "endpoint-rate"))
                return reply
            case "missing-cursor":
                after = call.params.get("starting_after")
                what = {"code": "resource_missing", "param": "starting_after"}
                return _error(400, "invalid_request_error", f"No such event: '{after}'", **what)
        return _error(500, "api_error", "An unknown error occurred")


def _error(status: int, kind: str, message: str, **more: str) -> Reply:
    return refused(status, {"error": {"type": kind, "message": message, **more}})
