"""What the headers and bodies of answers tell about the rate, in all the dialects that servers speak.

Invariant: nothing a server sends can raise here; what is not understood is as if it had not been sent. Where several
things are told, the more careful one is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from datasync_spider.pacing.structured import count, policies_of, standings
from datasync_spider.pacing.told import is_whole, seconds_told, server_clock

_T = TypeVar("_T")

_MAX_BODY_BYTES = 64 * 1024
_BODY_NAMES = ("retryAfter", "retry_after", "reset")
_BODY_PLACES = ("rateLimit", "rate_limit", "error")
# Where a page keeps what it says of itself; an error in a 200 may stand there.
_PAGE_PLACES = ("meta", "pagination")


class RateHeaders(msgspec.Struct, frozen=True):
    """What one answer told; None is what it did not.

    ``reset_is_whole``: ``reset_after_seconds`` is good to a second only, and may have been rounded either way.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after_seconds: float | None = None
    window_seconds: float | None = None
    reset_is_whole: bool = True


def read_rate_headers(headers: Mapping[str, str], now_epoch: float) -> RateHeaders:
    """The tightest of the limits that are told. ``headers`` have lower-case names; the last value of a name counts."""
    clock = server_clock(headers, now_epoch)
    told = [*_structured(headers), *_plain(headers, "ratelimit", clock), *_plain(headers, "x-ratelimit", clock)]
    if len(told) < 2:
        return told[0] if told else RateHeaders()
    told.sort(key=_tightness)
    # What the tightest one leaves out, another one may tell; a window's length only one that speaks of the same limit.
    limit = _first(rate.limit for rate in told)
    reset = next((rate for rate in told if rate.reset_after_seconds is not None), told[0])
    return RateHeaders(
        limit=limit,
        remaining=told[0].remaining,
        reset_after_seconds=reset.reset_after_seconds,
        window_seconds=_first(rate.window_seconds for rate in told if rate.limit == limit),
        reset_is_whole=reset.reset_is_whole,
    )


def read_retry_after(headers: Mapping[str, str], body: bytes, now_epoch: float) -> float | None:
    """How long a refusal (429) asks to wait: the longest of all that it tells, None where it tells nothing usable."""
    clock = server_clock(headers, now_epoch)
    told = list(_told_by_body(body, clock))
    retry_after = seconds_told(headers.get("retry-after", ""), clock)
    if retry_after is not None:
        told.append(retry_after)
    rate = read_rate_headers(headers, now_epoch)
    # With requests left and a Retry-After, something else refused us, and the window's end does not matter to it.
    if rate.reset_after_seconds is not None and (retry_after is None or not rate.remaining):
        told.append(rate.reset_after_seconds)
    return max(told, default=None)


def _tightness(rate: RateHeaders) -> tuple[float, float, float]:
    remaining = math.inf if rate.remaining is None else rate.remaining
    return remaining, -(rate.reset_after_seconds or 0.0), math.inf if rate.limit is None else rate.limit


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _structured(headers: Mapping[str, str]) -> Iterator[RateHeaders]:
    if "ratelimit" not in headers and "ratelimit-policy" not in headers:
        return
    for standing in standings(headers.get("ratelimit", ""), headers.get("ratelimit-policy", "")):
        yield RateHeaders(standing.limit, standing.remaining, standing.reset_after_seconds, standing.window_seconds)


def _plain(headers: Mapping[str, str], prefix: str, clock: float) -> Iterator[RateHeaders]:
    """``<prefix>-Limit``, ``-Remaining`` and ``-Reset``; a draft put the policy behind the limit: ``10, 10;w=60``."""
    get = headers.get
    told_limit, remaining, reset = get(f"{prefix}-limit"), get(f"{prefix}-remaining"), get(f"{prefix}-reset")
    if told_limit is None and remaining is None and reset is None:
        return
    limit, _, policy = (told_limit or "").partition(",")
    yield RateHeaders(
        limit=count(limit),
        remaining=count(remaining),
        reset_after_seconds=None if reset is None else seconds_told(reset, clock),
        window_seconds=_first(window for _, _, window in policies_of(policy)) if policy else None,
        reset_is_whole=reset is None or is_whole(reset),
    )


def _told_by_body(body: bytes, clock: float) -> Iterator[float]:
    try:
        told = msgspec.json.decode(body) if len(body) <= _MAX_BODY_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if not isinstance(told, dict):
        return
    outer = [place for place in (told, *(told.get(name) for name in _PAGE_PLACES)) if isinstance(place, dict)]
    for place in (*outer, *(place.get(name) for place in outer for name in _BODY_PLACES)):
        if isinstance(place, dict):
            for name in _BODY_NAMES:
                seconds = _seconds_of(place.get(name), clock)
                if seconds is not None:
                    yield seconds


def _seconds_of(value: Any, clock: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return seconds_told(str(value), clock)
