"""Reads what servers tell of their rate windows, in the forms that are in use.

``X-RateLimit-Limit/-Remaining/-Reset``, the IETF drafts' ``RateLimit-*`` and their successor ``RateLimit: "name";r=0;t=28``
with ``RateLimit-Policy: "name";q=10;w=60``, and ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date; epochs are seen in the
wild). Invariant: garbage is nothing told, and of several things told the latest instant wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import msgspec

_EPOCH_SECONDS = 1e9
_EPOCH_MS = 1e12
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*([0-9.]+)")


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What one answer told; None where it told nothing usable."""

    limit: int | None = None
    remaining: int | None = None
    reset_after_seconds: float | None = None
    window_seconds: float | None = None


def read_rate_headers(headers: Mapping[str, str], now_epoch: float) -> RateHeaders:
    """The rate window told by these headers (lower-case names); ``now_epoch`` turns epochs into seconds from now."""
    structured = _structured(headers)
    limit = _first(_count(headers, "x-ratelimit-limit"), _count(headers, "ratelimit-limit"), structured.limit)
    remaining = _first(
        structured.remaining, _count(headers, "x-ratelimit-remaining"), _count(headers, "ratelimit-remaining")
    )
    resets = [
        _delay(headers.get(name, ""), now_epoch) for name in ("x-ratelimit-reset", "ratelimit-reset")
    ]
    told = [reset for reset in (*resets, structured.reset_after_seconds) if reset is not None]
    return RateHeaders(limit, remaining, max(told, default=None), structured.window_seconds)


def read_retry_after(headers: Mapping[str, str], body: bytes, now_epoch: float) -> float | None:
    """Seconds to wait before asking again, or None where nothing usable is told. A past instant is 0."""
    told = [
        _retry_after(headers.get("retry-after", ""), now_epoch),
        read_rate_headers(headers, now_epoch).reset_after_seconds,
        _body_reset(body, now_epoch),
    ]
    return max((delay for delay in told if delay is not None), default=None)


def _structured(headers: Mapping[str, str]) -> RateHeaders:
    """The structured fields; of several policies the one with the least left, and of those the longest reset."""
    items = [dict(_PARAMETER.findall(item)) for item in headers.get("ratelimit", "").split(",")]
    policies = [dict(_PARAMETER.findall(item)) for item in headers.get("ratelimit-policy", "").split(",")]
    left = [(int(float(item["r"])), -float(item.get("t", 0) or 0)) for item in items if _is_number(item.get("r"))]
    quotas = [int(float(policy["q"])) for policy in policies if _is_number(policy.get("q"))]
    windows = [float(policy["w"]) for policy in policies if _is_number(policy.get("w"))]
    if not left:
        return RateHeaders(limit=min(quotas, default=None), window_seconds=max(windows, default=None))
    remaining, minus_reset = min(left)
    return RateHeaders(min(quotas, default=None), remaining, -minus_reset, max(windows, default=None))


def _retry_after(text: str, now_epoch: float) -> float | None:
    delay = _delay(text, now_epoch)
    if delay is not None:
        return delay
    try:
        instant = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, instant.timestamp() - now_epoch)


def _delay(text: str, now_epoch: float) -> float | None:
    """Seconds from now told by a number: a span, or an epoch in seconds or milliseconds by its magnitude."""
    text = text.strip()
    if not _is_number(text):
        return None
    number = float(text)
    if number >= _EPOCH_MS:
        return max(0.0, number / 1000 - now_epoch)
    if number >= _EPOCH_SECONDS:
        return max(0.0, number - now_epoch)
    return number


def _body_reset(body: bytes, now_epoch: float) -> float | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    window = answer.get("rateLimit")
    candidates = [answer.get("retryAfter"), window.get("reset") if isinstance(window, dict) else None]
    told = [
        _delay(str(value), now_epoch)
        for value in candidates
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    ]
    return max((delay for delay in told if delay is not None), default=None)


def _count(headers: Mapping[str, str], name: str) -> int | None:
    # Drafts allow policies behind the number: "10, 10;w=60".
    text = headers.get(name, "").partition(",")[0].partition(";")[0].strip()
    return int(float(text)) if _is_number(text) else None


def _is_number(text: str | None) -> bool:
    return text is not None and _NUMBER.fullmatch(text) is not None


def _first(*candidates: int | None) -> int | None:
    return next((value for value in candidates if value is not None), None)
