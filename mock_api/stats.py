"""Counts and times of requests, for tests and benchmarks to read.

The invariant: nothing that was asked is changed by being recorded, memory is bounded, and no key is kept: of keys it
knows how many there were and how often there was none.
"""

from collections import Counter, deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mock_api.calls import Call, Moment
from mock_api.replies import Reply

KEPT_REQUESTS = 100_000
_MOST_NAMES = 100


@dataclass(slots=True)
class Entry:
    """One request of the feed."""

    number: int
    moment: Moment
    status: int | None = None
    before_age: int | None = None
    events: int = 0
    faults: tuple[str, ...] = ()
    finished_ms: float | None = None
    delivered: bool | None = None

    def described(self) -> dict[str, Any]:
        """The entry as JSON."""
        return {
            "number": self.number,
            "epoch_ms": self.moment.epoch_ms,
            "monotonic_ms": self.moment.monotonic_ms,
            "finished_monotonic_ms": self.finished_ms,
            "delivered": self.delivered,
            "status": self.status,
            "before_age": self.before_age,
            "events": self.events,
            "faults": list(self.faults),
        }


class Stats:
    """What was asked and answered so far."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._counts: Counter[tuple[str, int]] = Counter()
        self._entries: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self._numbered = 0
        self._open: set[int] = set()
        self._most_open = 0
        self._early = 0
        self._not_before_ms: dict[bytes, float] = {}
        self._user_agents: Counter[str] = Counter()
        self._with_key = 0
        self._keys: set[bytes] = set()
        self._without_key = 0

    def received(self, endpoint: str, call: Call) -> Entry:
        """Note a request's arrival."""
        key = _fingerprint(call.api_key)
        self._note_client(call, key)
        entry = Entry(0, call.moment)
        if endpoint in ("events", "event", "link", "offset", "styles", "nested"):
            self._early += call.moment.monotonic_ms < self._not_before_ms.get(key, 0)
        if endpoint in ("events", "nested"):
            self._numbered += 1
            entry.number = self._numbered
            self._entries.append(entry)
            self._open.add(id(entry))
            self._most_open = max(self._most_open, len(self._open))
        return entry

    def answered(self, endpoint: str, call: Call, entry: Entry, reply: Reply) -> None:
        """Note what is about to be answered."""
        self._counts[endpoint, reply.status] += 1
        entry.status, entry.before_age = reply.status, reply.before_age
        entry.events, entry.faults = reply.served, reply.faults
        if reply.refused_wait_ms is not None:
            self._not_before_ms[_fingerprint(call.api_key)] = call.moment.monotonic_ms + reply.refused_wait_ms

    def finished(self, entry: Entry, moment: Moment, *, delivered: bool) -> None:
        """Note the end of the answer, or of the connection."""
        self._open.discard(id(entry))
        entry.finished_ms, entry.delivered = moment.monotonic_ms, delivered

    def described(self, last: int | None, now: Moment) -> dict[str, Any]:
        """Everything as JSON, with the `last` requests of the feed (all that are kept if None)."""
        by_endpoint: dict[str, dict[str, int]] = {}
        for (endpoint, status), count in sorted(self._counts.items()):
            by_endpoint.setdefault(endpoint, {})[str(status)] = count
        shown = len(self._entries) if last is None else last
        return {
            "by_endpoint": by_endpoint,
            "pages_asked": self._numbered,
            "monotonic_ms": now.monotonic_ms,
            "events_served": sum(entry.events for entry in self._entries),
            "most_concurrent": self._most_open,
            "early_requests": self._early,
            "user_agents": dict(self._user_agents),
            "api_key": {"present": self._with_key, "absent": self._without_key, "distinct": len(self._keys)},
            "requests": [entry.described() for entry in list(self._entries)[max(0, len(self._entries) - shown) :]],
        }

    def _note_client(self, call: Call, key: bytes) -> None:
        if call.api_key is None:
            self._without_key += 1
        else:
            self._with_key += 1
            if len(self._keys) < _MOST_NAMES:
                self._keys.add(key)
        agent = call.user_agent or ""
        if agent in self._user_agents or len(self._user_agents) < _MOST_NAMES:
            self._user_agents[agent] += 1


def _fingerprint(key: str | None) -> bytes:
    return sha256((key or "").encode()).digest()
