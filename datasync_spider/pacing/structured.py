"""The IETF's rate limit fields, in the generations of their drafts.

    RateLimit: "default";r=0;t=28        RateLimit-Policy: "default";q=10;w=60
    RateLimit: limit=10, remaining=0, reset=28             RateLimit-Policy: 10;w=60

Read leniently, as lists of names with parameters: servers write these fields by hand, and a pedantic parser would know
less. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

_COUNT = re.compile(r"([0-9]{1,18})(?:\.0{0,18})?")
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PART = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')


class RateLimitStatus(Struct, frozen=True):
    """Where we stand with one policy."""

    limit: int | None
    remaining: int | None
    reset_after_seconds: float | None
    window_seconds: float | None


def count(text: str | None) -> int | None:
    """A whole number that is not negative, also where a server writes it as 10.0; or None."""
    match = _COUNT.fullmatch((text or "").strip())
    return int(match[1]) if match else None


def rate_limit_statuses(rate_limit: str, policy: str) -> Iterator[RateLimitStatus]:
    """One for each policy of which the two fields say anything."""
    policies = {name: (quota, window) for name, quota, window in policies_of(policy)}
    items = list(_items(rate_limit))
    if items and all("=" in name for name, _ in items):
        # The dictionary of the middle drafts: it knows one policy, the tightest.
        reported = dict(name.split("=", 1) for name, _ in items)
        items = [
            ("", {"q": reported.get("limit", ""), "r": reported.get("remaining", ""), "t": reported.get("reset", "")})
        ]
    for name, parameters in items:
        quota, window = policies.pop(name, (None, None))
        if quota is None and len(policies) == 1:
            quota, window = next(iter(policies.values()))
        reset = count(parameters.get("t"))
        yield RateLimitStatus(
            limit=count(parameters.get("q")) or quota,
            remaining=count(parameters.get("r")),
            reset_after_seconds=None if reset is None else float(reset),
            window_seconds=window,
        )
    if not items:
        for quota, window in policies.values():
            yield RateLimitStatus(quota, None, None, window)


def policies_of(text: str) -> Iterator[tuple[str, int | None, float | None]]:
    """Name, quota and window in seconds of each policy; in the early drafts the quota stands for the name."""
    for name, parameters in _items(text):
        window = count(parameters.get("w"))
        yield name, count(parameters.get("q", name)), float(window) if window else None


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for item in _ITEM.findall(text):
        parts = [part.strip() for part in _PART.findall(item)]
        if parts and parts[0]:
            yield parts[0], dict(part.split("=", 1) for part in parts[1:] if "=" in part)
