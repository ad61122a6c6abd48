"""From a call to the endpoint that answers it, with the check of the key and the record in the statistics.

The invariant: every call is answered, and no endpoint of the API is reached without the key, if one is set; what wants
a token wants no key.
"""

from hmac import compare_digest

from mock_api.apis.all import PREFIX as APIS
from mock_api.apis.all import PublicApis
from mock_api.calls import Call
from mock_api.control import PREFIX, Control
from mock_api.eventsapi import EventsApi
from mock_api.oauth import OAuth
from mock_api.profiles import Profiles
from mock_api.replies import Reply, error_reply, json_reply, unauthorized
from mock_api.requestids import request_ids
from mock_api.stats import Entry, Stats
from mock_api.styles import is_style
from mock_api.submissions import Submissions

BASE_PATH = "/api/v1"


class Router:
    """The server's endpoints."""

    def __init__(
        self,
        events: EventsApi,
        profiles: Profiles,
        oauth: OAuth,
        submissions: Submissions,
        apis: PublicApis,
        control: Control | None,
        stats: Stats,
        api_key: str | None,
    ) -> None:
        self._events = events
        self._profiles = profiles
        self._oauth = oauth
        self._submissions = submissions
        self._apis = apis
        self._control = control
        self.stats = stats
        self._api_key = api_key
        self._request_ids = request_ids()

    def answer(self, call: Call) -> tuple[Reply, Entry | None]:
        """The answer, and its entry in the statistics if it has one."""
        if self._control is not None and call.path.startswith(PREFIX):
            return self._control.answer(call), None
        if call.path.startswith(APIS):
            # They keep their own keys and limits, and their own record of what was asked.
            return self._apis.answer(call), None
        endpoint = _endpoint(call)
        entry = self.stats.received(endpoint, call)
        reply = self._reply(endpoint, call)
        if all(name != "X-Request-ID" for name, _ in reply.headers):
            reply.headers.append(("X-Request-ID", next(self._request_ids)))
        self.stats.answered(endpoint, call, entry, reply)
        return reply, entry

    def _reply(self, endpoint: str, call: Call) -> Reply:
        if endpoint == "health":
            return json_reply({"status": "ok"})
        if endpoint == "none":
            return error_reply(404, "Not Found", f"Cannot {call.method} {call.path}", "NOT_FOUND")
        if endpoint in ("token", "protected"):
            return self._oauth.answer(endpoint, call)
        return self._keyed_reply(endpoint, call)

    def _keyed_reply(self, endpoint: str, call: Call) -> Reply:
        """Of what wants the server's key."""
        if self._api_key is not None and not compare_digest((call.api_key or "").encode(), self._api_key.encode()):
            return unauthorized()
        self._submissions.seen(call)
        match endpoint:
            case "events":
                return self._events.page(call)
            case "event":
                return self._events.single(call, call.path.rpartition("/")[2])
            case "link":
                return self._profiles.link(call)
            case "offset":
                return self._profiles.offset(call)
            case "styles":
                return self._profiles.styled(call)
            case "nested":
                return self._profiles.nested(call)
            case "submissions":
                return self._submissions.submit(call)
        return self._submissions.listed(call)


def _endpoint(call: Call) -> str:
    path = call.path.removeprefix(BASE_PATH) if call.path.startswith(BASE_PATH) else ""
    match call.method, path.split("/")[1:]:
        case "GET", ["events"]:
            return "events"
        case "GET", ["events", _]:
            return "event"
        case "GET", ["link" | "offset" | "nested" as profile, "records"]:
            return profile
        case method, ["styles", style, "records"] if is_style(method, style):
            return "styles"
        case "GET", ["protected", "records"]:
            return "protected"
        case "POST", ["oauth", "token"]:
            return "token"
        case "POST", ["submissions"]:
            return "submissions"
        case "GET", ["submissions"]:
            return "submissions list"
    return "health" if (call.method, call.path) in (("GET", "/health"), ("GET", f"{BASE_PATH}/health")) else "none"
