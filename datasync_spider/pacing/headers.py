"""What the headers and bodies of answers say about the rate, in all the dialects that servers speak.

Invariant: nothing a server sends can raise here; what is not understood is as if it had not been sent. Where several
things are reported, the more careful one is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from datasync_spider.pacing.dialect import KNOWN, Dialect
from datasync_spider.pacing.retryafter import GivenWait, given_seconds, given_wait, is_moment, is_whole, server_clock
from datasync_spider.pacing.structured import count, policies_of, rate_limit_statuses

_T = TypeVar("_T")

_MAX_BODY_BYTES = 64 * 1024
_MAX_SOURCE_CHARACTERS = 80
_BODY_PLACES = ("rateLimit", "rate_limit", "error")
# Where a page keeps what it says of itself; an error in a 200 may stand there.
_PAGE_PLACES = ("meta", "pagination")
_RETRY_NAMES = ("retryAfter", "retry_after", "retry-after", "retryAfterSeconds", "retry_after_seconds")
_RETRY_MS_NAMES = ("retryAfterMs", "retry_after_ms")
_PLAIN_PREFIXES = ("ratelimit", "x-ratelimit", "x-rate-limit")
_RETRY_AFTER_MS = "retry-after-ms"
# What two statements of one moment may differ by, in seconds, because one of them is rounded.
_SAME_MOMENT_SECONDS = 1.0
# A Retry-After of a second or two says nothing of a window's unit: that may well last some thousand seconds.
_LEAST_SHOWN_SECONDS = 10.0


class AskedWait(msgspec.Struct, frozen=True):
    """How long an answer asks to wait from its arrival on, and in which words, such as ``Retry-After: 86400``.

    ``is_plausible``: whether some unit makes it a wait of today's. ``source`` is short and printable.
    """

    seconds: float
    source: str
    is_plausible: bool = True


class RateHeaders(msgspec.Struct, frozen=True):
    """What one answer reported; None is what it did not.

    ``reset_is_whole``: ``reset_after_seconds`` is good to a second only, and may have been rounded either way.
    ``reset_is_moment``: the moment was given, and the seconds until then were counted by the clock.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after_seconds: float | None = None
    window_seconds: float | None = None
    reset_is_whole: bool = True
    reset_is_moment: bool = False


def read_rate_headers(headers: Mapping[str, str], now_epoch: float, dialect: Dialect = KNOWN) -> RateHeaders:
    """The tightest of the limits that are reported. ``headers`` have lower-case names, and a list's lines joined."""
    clock = server_clock(headers, now_epoch)
    known = _without(headers, dialect)
    reported = [*_structured(known)]
    for prefix in _PLAIN_PREFIXES:
        reported += _plain(known, prefix, clock)
    reported += _declared(headers, dialect, clock)
    if len(reported) < 2:
        return reported[0] if reported else RateHeaders()
    reported.sort(key=_tightness)
    # What the tightest one leaves out, another one may say; a window's length only one that speaks of the same limit.
    limit = _first(rate.limit for rate in reported)
    reset = next((rate for rate in reported if rate.reset_after_seconds is not None), reported[0])
    return RateHeaders(
        limit=limit,
        remaining=reported[0].remaining,
        reset_after_seconds=reset.reset_after_seconds,
        window_seconds=_first(rate.window_seconds for rate in reported if rate.limit == limit),
        reset_is_whole=reset.reset_is_whole,
        reset_is_moment=reset.reset_is_moment,
    )


def read_asked_wait(
    headers: Mapping[str, str], body: bytes, now_epoch: float, *, is_rate_limit: bool, dialect: Dialect = KNOWN
) -> AskedWait | None:
    """How long an answer asks to wait: the longest plausible of all that it says, None where it says nothing usable.

    Of an answer that is no rate limit only what is said for it counts: ``Retry-After`` and its like. A rate limit's may
    as well give the end of its window.
    """
    clock = server_clock(headers, now_epoch)
    known = _without(headers, dialect)
    asked = [*_retry_headers(known, clock), *_declared_waits(headers, body, dialect, clock)]
    if is_rate_limit:
        rate = read_rate_headers(headers, now_epoch, dialect)
        # With requests left and a Retry-After, something else refused us, and the window's end does not matter to it.
        if not asked or not rate.remaining:
            asked += _resets(rate, headers, clock, dialect)
    asked += _retry_fields(body, clock, with_resets=is_rate_limit)
    return max(asked, key=lambda one: (one.is_plausible, one.seconds), default=None)


def asks_to_wait(headers: Mapping[str, str], dialect: Dialect = KNOWN) -> bool:
    """Whether one of them says when to come again, other than by a window's end."""
    return any(name in headers for name in ("retry-after", _RETRY_AFTER_MS, dialect.retry_after))


def read_poll_interval(headers: Mapping[str, str], now_epoch: float, dialect: Dialect) -> AskedWait | None:
    """How long the API wants no new sync to begin, which holds no page back."""
    text = headers.get(dialect.poll_interval or "", "")
    reported = dialect.wait(text, server_clock(headers, now_epoch))
    return (
        None
        if reported is None or not reported.is_plausible
        else AskedWait(reported.seconds, _line(dialect.poll_interval, text))
    )


def read_body_wait(value: object, now_epoch: float, dialect: Dialect) -> AskedWait | None:
    """What stands at the declared place of a body."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    reported = dialect.wait(str(value), now_epoch)
    source = _short(f"{dialect.body_wait}: {value} in the body")
    return None if reported is None or not reported.is_plausible else AskedWait(reported.seconds, source)


def reset_source(headers: Mapping[str, str], dialect: Dialect = KNOWN) -> str:
    """The line that gives the end of the window, for people; empty where there is none."""
    names = (*filter(None, (dialect.reset,)), *(f"{prefix}-reset" for prefix in _PLAIN_PREFIXES), "ratelimit")
    return next((_line(name, headers[name]) for name in names if name in headers), "")


def _without(headers: Mapping[str, str], dialect: Dialect) -> Mapping[str, str]:
    names = dialect.names
    return {name: value for name, value in headers.items() if name not in names} if names else headers


def _declared(headers: Mapping[str, str], dialect: Dialect, clock: float) -> Iterator[RateHeaders]:
    limit, remaining, reset = (headers.get(name or "") for name in (dialect.limit, dialect.remaining, dialect.reset))
    if limit is None and remaining is None and reset is None:
        return
    reported = None if reset is None else dialect.wait(reset, clock)
    is_given = reset is not None and reported is not None and reported.is_plausible
    yield RateHeaders(
        limit=count(limit or ""),
        remaining=_least(remaining),
        reset_after_seconds=reported.seconds if reported is not None and is_given else None,
        reset_is_whole=not is_given or (is_whole(reset or "") and dialect.unit not in {"ms", "epoch-ms"}),
        reset_is_moment=is_given and (dialect.is_moment or is_moment(reset or "")),
    )


def _declared_waits(headers: Mapping[str, str], body: bytes, dialect: Dialect, clock: float) -> Iterator[AskedWait]:
    if dialect.retry_after is not None and (text := headers.get(dialect.retry_after)) is not None:
        reported = dialect.wait(text, clock)
        if reported is not None:
            yield AskedWait(reported.seconds, _line(dialect.retry_after, text), reported.is_plausible)
    if dialect.body_wait is not None and body:
        found = read_body_wait(dialect.body_wait.read(_json(body)), clock, dialect)
        if found is not None:
            yield found


def _json(body: bytes) -> Any:
    """None where it is none, or too large for a complaint."""
    try:
        return msgspec.json.decode(body) if len(body) <= _MAX_BODY_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _tightness(rate: RateHeaders) -> tuple[float, float, float]:
    remaining = math.inf if rate.remaining is None else rate.remaining
    return remaining, -(rate.reset_after_seconds or 0.0), math.inf if rate.limit is None else rate.limit


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _structured(headers: Mapping[str, str]) -> Iterator[RateHeaders]:
    if "ratelimit" not in headers and "ratelimit-policy" not in headers:
        return
    for status in rate_limit_statuses(headers.get("ratelimit", ""), headers.get("ratelimit-policy", "")):
        yield RateHeaders(status.limit, status.remaining, status.reset_after_seconds, status.window_seconds)


def _plain(headers: Mapping[str, str], prefix: str, clock: float) -> Iterator[RateHeaders]:
    """``<prefix>-Limit``, ``-Remaining`` and ``-Reset``; a draft put the policy behind the limit: ``10, 10;w=60``."""
    get = headers.get
    reported_limit, remaining, reset = get(f"{prefix}-limit"), get(f"{prefix}-remaining"), get(f"{prefix}-reset")
    if reported_limit is None and remaining is None and reset is None:
        return
    limit, _, policy = (reported_limit or "").partition(",")
    seconds = None if reset is None else given_seconds(reset, clock)
    if reset is not None and not is_moment(reset):
        seconds = _unless_milliseconds(seconds, headers, clock)
    yield RateHeaders(
        limit=count(limit),
        remaining=_least(remaining),
        reset_after_seconds=seconds,
        window_seconds=_first(window for _, _, window in policies_of(policy)) if policy else None,
        reset_is_whole=reset is None or seconds is None or is_whole(reset),
        reset_is_moment=reset is not None and seconds is not None and is_moment(reset),
    )


def _least(remaining: str | None) -> int | None:
    """Of several lines the least; a list with something else in it reports nothing."""
    counts = [count(part) for part in (remaining or "").split(", ")]
    return min((one for one in counts if one is not None), default=None) if None not in counts else None


def _unless_milliseconds(seconds: float | None, headers: Mapping[str, str], clock: float) -> float | None:
    """A number of seconds that the answer's own Retry-After shows to be one of milliseconds."""
    if seconds is None:
        return None
    shown = (
        asked.seconds >= _LEAST_SHOWN_SECONDS and abs(seconds / 1_000 - asked.seconds) <= _SAME_MOMENT_SECONDS
        for asked in _retry_headers(headers, clock)
    )
    return seconds / 1_000 if any(shown) else seconds


def _retry_headers(headers: Mapping[str, str], clock: float) -> Iterator[AskedWait]:
    reported = given_wait(headers.get("retry-after", ""), clock)
    if reported is not None:
        yield AskedWait(reported.seconds, _line("retry-after", headers["retry-after"]), reported.is_plausible)
    reported = given_wait(headers.get(_RETRY_AFTER_MS, ""), clock)
    if reported is not None and reported.is_plausible:
        yield AskedWait(reported.seconds / 1_000, _line(_RETRY_AFTER_MS, headers[_RETRY_AFTER_MS]))


def _resets(
    rate: RateHeaders, headers: Mapping[str, str], clock: float, dialect: Dialect = KNOWN
) -> Iterator[AskedWait]:
    if rate.reset_after_seconds is not None:
        yield AskedWait(rate.reset_after_seconds, reset_source(headers, dialect))
        return
    for prefix in _PLAIN_PREFIXES:
        text = headers.get(f"{prefix}-reset", "")
        reported = given_wait(text, clock)
        if reported is not None:
            yield AskedWait(reported.seconds, _line(f"{prefix}-reset", text), reported.is_plausible)


def _retry_fields(body: bytes, clock: float, *, with_resets: bool) -> Iterator[AskedWait]:
    """What a body of JSON says of it, at its top or where errors and rate limits have their fields."""
    reported = _json(body)
    if not isinstance(reported, dict):
        return
    names = (*_RETRY_NAMES, "reset") if with_resets else _RETRY_NAMES
    outer = [place for place in (reported, *(reported.get(name) for name in _PAGE_PLACES)) if isinstance(place, dict)]
    for place in (*outer, *(place.get(name) for place in outer for name in _BODY_PLACES)):
        if isinstance(place, dict):
            yield from _fields(place, names, clock, 1.0)
            yield from _fields(place, _RETRY_MS_NAMES, clock, 1_000.0)


def _fields(place: Mapping[str, Any], names: Iterable[str], clock: float, divisor: float) -> Iterator[AskedWait]:
    for name in names:
        reported = _reported_by_value(place.get(name), clock)
        if reported is not None:
            yield AskedWait(
                reported.seconds / divisor, _short(f"{name}: {place[name]} in the body"), reported.is_plausible
            )


def _reported_by_value(value: Any, clock: float) -> GivenWait | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return given_wait(str(value), clock)


def _line(name: str | None, value: str) -> str:
    title = "-".join("RateLimit" if word == "ratelimit" else word.capitalize() for word in (name or "").split("-"))
    return _short(f"{title}: {value.strip()}")


def _short(text: str) -> str:
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= _MAX_SOURCE_CHARACTERS else printable[: _MAX_SOURCE_CHARACTERS - 1] + "…"
