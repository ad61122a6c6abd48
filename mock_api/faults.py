"""The faults by name, and the rules that say which requests they befall.

Pure values and their validation. How a fault is carried out is the part of `mishaps` (answers) and `delivery`
(connections); when a rule fires, that of `faultplan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from mock_api.hostile import HostileEvents

ENDPOINTS = ("events", "event", "link", "offset", "styles", "nested", "submissions", "token")

# What a fault does to an answer decides where it may be used and what it may be combined with.
INSTEAD = "instead of the answer"
DELIVERY = "to the answer's delivery"
PAGE = "to a page of events"
DELAY = "before the answer"

_HALF: dict[str, Any] = {"share": 0.5}

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "rate_limit_burst": (INSTEAD, {"wait_ms": 1_000}),
    "status_500": (INSTEAD, {}),
    "status_502": (INSTEAD, {}),
    "status_503": (INSTEAD, {}),
    "status_504": (INSTEAD, {}),
    "unauthorized": (INSTEAD, {}),
    "forbidden": (INSTEAD, {}),
    "redirect": (INSTEAD, {"location": "http://elsewhere.invalid/api/v1/events"}),
    "expired_cursor": (INSTEAD, {}),
    "empty": (INSTEAD, {}),
    "null": (INSTEAD, {}),
    "non_object": (INSTEAD, {}),
    "html": (INSTEAD, {}),
    "slow": (DELAY, {"delay_ms": 2_000}),
    "reset": (DELIVERY, {}),
    "reset_body": (DELIVERY, _HALF),
    "truncated": (DELIVERY, _HALF),
    "stalled": (DELIVERY, _HALF),
    "drip": (DELIVERY, {"bytes": 1, "interval_ms": 50}),
    "truncated_json": (DELIVERY, _HALF),
    "repeated_cursor": (PAGE, {}),
    "cursor_loop": (PAGE, {}),
    "missing_fields": (PAGE, {}),
    "has_more_no_cursor": (PAGE, {}),
    "short_returned": (PAGE, {}),
    "duplicate_events": (PAGE, {"events": 3}),
    "malformed_events": (PAGE, {"density": 0.1, "kinds": ""}),
}
"""Each fault's place and its parameters with their defaults."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that befalls a request."""

    name: str
    place: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests of an endpoint a fault befalls: a share of them, the next few, or some by number."""

    fault: Fault
    endpoint: str = "events"
    rate: float | None = None
    count: int | None = None
    requests: frozenset[int] = frozenset()
    """Counted from the rule's installation; the next request is 1."""

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Rule":
        """A rule from JSON, or ValueError with the reason."""
        rest = dict(given)
        name = rest.pop("name", None)
        if not isinstance(name, str) or name not in FAULTS:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(FAULTS)}")
        place, defaults = FAULTS[name]
        endpoint = rest.pop("endpoint", "events")
        if endpoint not in ENDPOINTS:
            raise ValueError(f"unknown endpoint {endpoint!r}; known: {', '.join(ENDPOINTS)}")
        if endpoint != "events" and (place == PAGE or name == "expired_cursor"):
            raise ValueError(f"{name} needs a page of events; it cannot befall the endpoint {endpoint!r}")
        chosen = [key for key in ("rate", "count", "requests") if key in rest]
        if len(chosen) != 1:
            raise ValueError(f"{name}: give exactly one of rate, count and requests")
        when = _checked_choice(name, chosen[0], rest.pop(chosen[0]))
        return cls(Fault(name, place, _checked_params(name, defaults, rest)), endpoint, **when)

    def described(self) -> dict[str, Any]:
        """The rule as JSON, complete with defaults."""
        when = {"rate": self.rate, "count": self.count, "requests": sorted(self.requests) or None}
        shown = {key: value for key, value in when.items() if value is not None}
        return {"name": self.fault.name, "endpoint": self.endpoint, **shown, **self.fault.params}


def rule_from_text(text: str) -> Rule:
    """A rule from the command line: `NAME=RATE[,PARAMETER=VALUE...]`."""
    first, *others = text.split(",")
    name, equals, rate = first.partition("=")
    if not equals:
        raise ValueError(f"{text!r}: expected NAME=RATE[,PARAMETER=VALUE...]")
    given: dict[str, Any] = {"name": name, "rate": rate}
    for other in others:
        key, equals, value = other.partition("=")
        if not equals:
            raise ValueError(f"{text!r}: {other!r} is not PARAMETER=VALUE")
        given[key] = value
    return Rule.from_mapping(given)


def _checked_choice(name: str, key: str, value: Any) -> dict[str, Any]:
    if key == "rate":
        rate = _number(f"{name}: rate", value)
        if not 0 <= rate <= 1:
            raise ValueError(f"{name}: rate must be between 0 and 1, not {value}")
        return {"rate": rate}
    if key == "count":
        if type(value) is not int or value < 1:
            raise ValueError(f"{name}: count must be a positive integer, not {value!r}")
        return {"count": value}
    if not isinstance(value, list) or not value or any(type(each) is not int or each < 1 for each in value):
        raise ValueError(f"{name}: requests must be a list of positive integers, not {value!r}")
    return {"requests": frozenset(value)}


def _checked_params(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    params = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            raise ValueError(f"{name} has no parameter {key!r}; it has: {', '.join(defaults) or 'none'}")
        if isinstance(defaults[key], str):
            params[key] = str(value)
            continue
        number = _number(f"{name}: {key}", value)
        if number < 0 or (key == "share" and number > 1) or (key == "bytes" and number < 1):
            raise ValueError(f"{name}: {key} is out of range: {value}")
        params[key] = int(number) if isinstance(defaults[key], int) else number
    if name == "malformed_events":
        hostile_events(params)
    return params


def hostile_events(params: Mapping[str, Any]) -> HostileEvents:
    """The hostile events that the parameters of `malformed_events` mean; kinds are joined by `+`."""
    kinds = [kind for kind in params["kinds"].split("+") if kind]
    return HostileEvents(params["density"], kinds)


def _number(what: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be a number, not {value!r}") from None
    if not isfinite(number):
        raise ValueError(f"{what} must be finite")
    return number
