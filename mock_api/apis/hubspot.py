"""HubSpot's search of contacts: filters in the body of a POST, at most 10,000 results a query.

https://developers.hubspot.com/docs/api/crm/search and https://developers.hubspot.com/docs/api/usage-details
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from mock_api.apis.api import BASE_TIME_S, PublicApi, Record, body_of, refused
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

_MOST = 200
_MOST_RESULTS = 2_000
"""Of one query; 10,000 of the real one."""


class HubSpot(PublicApi):
    """`POST /crm/v3/objects/contacts/search`."""

    name = "hubspot"
    faults: ClassVar[tuple[str, ...]] = ("limited", "unavailable")

    def streams(self) -> tuple[str, ...]:
        return ("contacts",)

    def made(self, stream: str, number: int) -> Record:
        at = datetime.fromtimestamp(BASE_TIME_S + number * 7, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        properties = {"email": f"c{number}@example.com", "lastmodifieddate": at, "hs_object_id": str(number + 51)}
        return {"id": str(number + 51), "properties": properties, "createdAt": at, "updatedAt": at, "archived": False}

    def changed(self, record: Record, at: datetime) -> Record:
        reported = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {**record, "properties": {**record["properties"], "lastmodifieddate": reported}, "updatedAt": reported}

    def page(self, call: Call, path: str) -> Reply:
        if not call.fields.get(b"authorization", "").startswith("Bearer pat-"):
            return refused(401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "no token"})
        if (call.method, path) != ("POST", "/crm/v3/objects/contacts/search"):
            return refused(404, {"status": "error", "message": "resource not found"})
        asked: dict[str, Any] = body_of(call)
        size, start = min(int(asked.get("limit", 10)), _MOST), int(asked.get("after") or 0)
        if start + size > _MOST_RESULTS:
            text = "There was a problem with the request. (after + limit) must not exceed the limit of a query."
            return refused(400, {"status": "error", "category": "VALIDATION_ERROR", "message": text})
        filters = [one for group in asked.get("filterGroups", []) for one in group["filters"]]
        found = [contact for contact in self.records["contacts"] if all(_fits(contact, one) for one in filters)]
        found.sort(key=lambda contact: int(contact["id"]))
        page: dict[str, Any] = {"total": len(found), "results": found[start : start + size]}
        if len(found) > start + size:
            page["paging"] = {"next": {"after": str(start + size), "link": f"?after={start + size}"}}
        return json_reply(page)

    def faulty(self, fault: str, call: Call, path: str) -> Reply:
        if fault == "limited":
            text = "You have reached your secondly limit."
            what = {"status": "error", "message": text, "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}
            return refused(429, what)
        return refused(502, {"status": "error", "message": "internal error"})


def _fits(contact: Record, wanted: dict[str, Any]) -> bool:
    match wanted["propertyName"], wanted["operator"]:
        case "lastmodifieddate", "GTE":
            return datetime.fromisoformat(contact["updatedAt"]).timestamp() * 1_000 >= int(wanted["value"])
        case "hs_object_id", "GT":
            return int(contact["id"]) > int(wanted["value"])
    raise ValueError(f"no such filter of this imitation: {wanted}")
