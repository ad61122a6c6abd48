"""Shopify's list of orders: links whose page_info allows no other filter beside it, a leaky bucket.

https://shopify.dev/docs/api/admin-rest/usage/pagination and https://shopify.dev/docs/api/admin-rest/usage/rate-limits
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 250
_BESIDE_PAGE_INFO = {"limit", "page_info", "fields"}
_ZONE = timezone(-timedelta(hours=4))


class Shopify(PublicApi):
    """`GET /admin/api/VERSION/orders.json`."""

    name = "shopify"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable", "bad-page-info")

    def streams(self) -> tuple[str, ...]:
        return ("orders",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + number // 2 * 30, UTC).astimezone(_ZONE).isoformat()
        return {
            "id": 450_789_469_000 + number,
            "admin_graphql_api_id": f"gid://shopify/Order/{450_789_469_000 + number}",
            "name": f"#{1_001 + number}",
            "total_price": f"{number}.50",
            "currency": "USD",
            "created_at": at,
            "updated_at": at,
        }

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"x-shopify-access-token", "").startswith("shpat_"):
            return refused(401, {"errors": "[API] Invalid API key or access token"})
        match path.split("/"):
            case ["", "admin", "api", _, "orders.json"]:
                return self._orders(call, path)
        return refused(404, {"errors": "Not Found"})

    def _orders(self, call: Call, path: str) -> Reply:
        size = min(int(call.params.get("limit", 50)), _MOST)
        since, start = call.params.get("updated_at_min", ""), 0
        if "page_info" in call.params:
            if not _BESIDE_PAGE_INFO.issuperset(call.params):
                return refused(400, {"errors": {"page_info": "Invalid value."}})
            reported = _read(call.params["page_info"])
            if reported is None:
                return self.faulty("bad-page-info", call, path)
            since, start = reported
        found = [
            order
            for order in self.records["orders"]
            if not since or datetime.fromisoformat(order["updated_at"]) >= datetime.fromisoformat(since)
        ]
        reply = json_reply({"orders": found[start : start + size]})
        if len(found) > start + size:
            place = f"{self.base(call)}{path}?limit={size}&page_info={_page_info(since, start + size)}"
            reply.headers.append(("Link", f'<{place}>; rel="next"'))
        reply.headers.append(("X-Shopify-Shop-Api-Call-Limit", "1/40"))
        return reply

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        match fault:
            case "limited":
                text = (
                    "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
                )
                return refused(429, {"errors": text}, ("Retry-After", "1.0"))
            case "bad-page-info":
                return refused(400, {"errors": {"page_info": "Invalid value."}})
        return refused(503, {"errors": "Unavailable"})


def _page_info(since: str, start: int) -> str:
    return urlsafe_b64encode(f"{since}|{start}".encode()).decode().rstrip("=")


def _read(text: str) -> tuple[str, int] | None:
    try:
        since, _, start = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
        return since, int(start)
    except ValueError:
        return None
