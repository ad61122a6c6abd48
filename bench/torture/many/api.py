"""Three APIs in one: `ledger` by a cursor, `people` by `Link` headers, `shelf` by an offset; a tenant is a slice.

`ledger` has one credential, admits 20 requests in windows of 2 s and says nothing of them; `people` has a credential a
tenant and reports its windows; `shelf` has one and no window. All of them fail now and then, `sick` tenants always.
Invariant: what was served is what the feeds hold, whatever went wrong on the way; what no client may do is kept as a
breach, with its time.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from bench.torture.many.feeds import Changing, Growing, second_of
from mock_api.calls import Call, Moment
from mock_api.faultplan import FaultPlan
from mock_api.faults import Rule
from mock_api.limits import LimitSettings, RateLimits
from mock_api.mishaps import answer_instead, mark_delivery
from mock_api.replies import Reply, error_reply, json_reply, unauthorized
from mock_api.stats import Entry, Stats

BUDGET = (20, 2.0)
"""So many requests of `ledger` in so many seconds."""
PAGE = 20
_CONTROL = "/__control/"
_MALFORMED = 0.05
_WAIT_MS = {"ledger": 4_000.0, "people": 1_000.0, "shelf": 4_000.0}
# What one run hears of a credential the others learn of with their next heartbeat, or their next slot.
_LEARNED_WITHIN_MS = 3_000.0
_FAULTS = {
    "status_500": 0.01,
    "status_503": 0.005,
    "reset": 0.004,
    "reset_body": 0.004,
    "truncated": 0.004,
    "truncated_json": 0.004,
    "empty": 0.003,
    "html": 0.003,
    "null": 0.002,
    "stalled": 0.001,
    "expired_cursor": 0.004,
}
_REFUSALS = {"ledger": 0.002, "people": 0.01, "shelf": 0.004}


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that no client may do: ``over`` a declared budget, ``early`` after a 429, with a ``wrong key``.

    ``heard_at``: when another client was refused, which cannot pass it on where it dies with that.
    """

    kind: str
    feed: str
    monotonic: float
    detail: str
    heard_at: float | None = None


@dataclass(slots=True)
class _Refused:
    """By the API for the rate, a credential: at that moment, until then, and which feeds have heard it themselves."""

    at_ms: float
    until_ms: float
    feeds: set[str]


class ManyApis:
    """``tenants`` by source; ``seed`` decides what fails."""

    def __init__(self, tenants: dict[str, list[str]], seed: int) -> None:
        self.stats = Stats()
        self.breaches: list[Breach] = []
        self._sick: set[str] = set()
        self._wait_ms = 0.0
        self._feeds: dict[str, Growing | Changing] = {}
        for source, names in tenants.items():
            for name in names:
                feed = f"{source}/{name}"
                self._feeds[feed] = (
                    Changing(feed) if source == "people" else Growing(feed, _MALFORMED if source == "ledger" else None)
                )
        self._limits = {
            "ledger": RateLimits(LimitSettings(BUDGET[0], int(BUDGET[1] * 1_000), headers="none")),
            "people": RateLimits(LimitSettings(6, 2_000)),
            "shelf": RateLimits(LimitSettings(0, 1_000)),
        }
        self._plan = FaultPlan(seed, [Rule.from_mapping({"name": name, "rate": r}) for name, r in _FAULTS.items()])
        self._refusals = {source: FaultPlan(seed, [_refusal(source)]) for source in self._limits}
        self._refused: dict[str, _Refused] = {}
        self._admitted: deque[float] = deque(maxlen=BUDGET[0])

    def answer(self, call: Call) -> tuple[Reply, Entry | None]:
        if call.path.startswith(_CONTROL):
            return self._controlled(call, call.path.removeprefix(_CONTROL)), None
        source, _, tenant = call.path.strip("/").partition("/")
        entry = self.stats.received(source, call)
        reply = self._page(call, source, f"{source}/{tenant}")
        self.stats.answered(source, call, entry, reply)
        return reply, entry

    # The APIs

    def _page(self, call: Call, source: str, name: str) -> Reply:
        feed = self._feeds.get(name)
        if feed is None:
            return error_reply(404, "Not Found", f"there is no {call.path}", "NOT_FOUND")
        credential = call.fields.get(b"authorization") or call.fields.get(b"x-api-key") or ""
        if credential != key_of(source, name.partition("/")[2]):
            self._breach("wrong key", name, call.moment, "it is another credential's")
            return unauthorized()
        self._look_early(credential, name, call.moment)
        headers, refusal = self._limits[source].admit(credential, call.moment)
        if refusal is not None and source == "ledger":
            before = ", ".join(f"{call.moment.monotonic_ms - at:.0f}" for at in self._admitted)
            self._breach("over", name, call.moment, f"{BUDGET[0]} requests in {BUDGET[1]:g} s: those {before} ms ago")
        elif source == "ledger":
            self._admitted.append(call.moment.monotonic_ms)
        if refusal is None and self._refusals[source].pick("events"):
            refusal = self._limits[source].burst(_WAIT_MS[source], call.moment)
        if refusal is not None:
            self._note_refusal(credential, name, refusal, call.moment)
            return refusal
        if name in self._sick:
            return error_reply(403, "Forbidden", "this tenant is locked", "LOCKED")
        faults = self._plan.pick("events", cursor=call.params.get("cursor"))
        reply = answer_instead(faults, self._limits[source], call.moment) or _page_of(feed, call)
        mark_delivery(reply, faults)
        reply.delay_ms += self._wait_ms
        reply.headers += headers
        return reply

    def _look_early(self, credential: str, name: str, moment: Moment) -> None:
        refused = self._refused.get(credential)
        if refused is None or moment.monotonic_ms >= refused.until_ms:
            return
        late_ms = moment.monotonic_ms - refused.at_ms
        if name in refused.feeds or late_ms > _LEARNED_WITHIN_MS:
            early_ms = refused.until_ms - moment.monotonic_ms
            heard_at = None if name in refused.feeds else refused.at_ms / 1_000
            who = "by itself" if heard_at is None else "by another"
            detail = f"{early_ms:.0f} ms too early, {late_ms:.0f} ms after a 429 met {who}"
            self._breach("early", name, moment, detail, heard_at)

    def _note_refusal(self, credential: str, name: str, refusal: Reply, moment: Moment) -> None:
        until_ms = moment.monotonic_ms + (refusal.refused_wait_ms or 0.0)
        known = self._refused.get(credential)
        if known is None or moment.monotonic_ms >= known.until_ms:
            self._refused[credential] = _Refused(moment.monotonic_ms, until_ms, {name})
        else:
            known.until_ms = max(known.until_ms, until_ms)
            known.feeds.add(name)

    def _breach(self, kind: str, name: str, moment: Moment, detail: str, heard_at: float | None = None) -> None:
        self.breaches.append(Breach(kind, name, moment.monotonic_ms / 1_000, detail, heard_at))

    # The controls

    def _controlled(self, call: Call, action: str) -> Reply:
        given: Any = json.loads(call.upload.content() or b"{}")
        match action:
            case "truth":
                return Reply(200, b"\n".join(self._feeds[call.params["feed"]].truth()), content_type="text/plain")
            case "grow":
                for name, (new, changed) in given.items():
                    self._feeds[name].grow(new, changed)
            case "sick":
                self._sick = set(given)
            case "slow":
                self._wait_ms = given
            case "well":
                self._sick.clear()
                self._plan.clear()
                for plan in self._refusals.values():
                    plan.clear()
            case "counts":
                counts = self.stats.described(0, call.moment)["by_endpoint"]
                total = sum(feed.total for feed in self._feeds.values())
                breaches = [asdict(breach) for breach in self.breaches]
                return json_reply({"requests": counts, "records": total, "breaches": breaches})
        return json_reply({})


def key_of(source: str, tenant: str) -> str:
    """What stands in the header that proves who asks."""
    match source:
        case "ledger":
            return "Bearer ledger-key-4711"
        case "people":
            return f"Bearer people-key-of-{tenant}"
    return "shelf-key-4711"


def _refusal(source: str) -> Rule:
    return Rule.from_mapping({"name": "rate_limit_burst", "rate": _REFUSALS[source]})


def _page_of(feed: Growing | Changing, call: Call) -> Reply:
    if isinstance(feed, Changing):
        return _linked(feed, call)
    return _by_offset(feed, call) if "offset" in call.params else _by_cursor(feed, call)


def _by_cursor(feed: Growing, call: Call) -> Reply:
    size, cursor = int(call.params["limit"]), call.params.get("cursor")
    newest = feed.total - 1 if cursor is None else int(cursor.removeprefix("c-"))
    following = newest - size
    body = b'{"data":[%b],"next":%b}' % (
        b",".join(feed.texts(newest, size)),
        b'"c-%d"' % following if following >= 0 else b"null",
    )
    return Reply(200, body)


def _by_offset(feed: Growing, call: Call) -> Reply:
    size, offset = int(call.params["limit"]), int(call.params["offset"])
    items = b",".join(feed.texts(feed.total - 1 - offset, size))
    return Reply(200, b'{"meta":{"count":%d},"items":[%b]}' % (feed.total, items))


def _linked(feed: Changing, call: Call) -> Reply:
    size = int(call.params["per_page"])
    if "after" in call.params:
        second = int(call.params["after"]) + 1
    else:
        second = second_of(call.params["since"]) if "since" in call.params else 0
    found = feed.since(second, size + 1)
    reply = Reply(200, b"[%b]" % b",".join(text for _, text in found[:size]))
    if len(found) > size:
        link = f"<http://{call.host}{call.path}?per_page={size}&after={found[size - 1][0]}>"
        reply.headers.append(("Link", f'{link}; rel="next", <http://{call.host}/>; rel="first, of all"'))
    return reply
