"""How much may be asked for, and how often, as far as one answer reports."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from datasync_spider.ops.discovery.envelope import Envelope
from datasync_spider.pacing.headers import read_rate_headers


class RateLimit(Struct, frozen=True):
    """``headers``: the names of the fields that reported it.

    ``window_seconds`` is known only where a policy reports it; ``reset_after_seconds`` is what is left of the window,
    so the window is at least that long.
    """

    headers: tuple[str, ...]
    limit: int | None
    remaining: int | None
    reset_after_seconds: float | None
    window_seconds: float | None


class PageCap(Struct, frozen=True):
    """``told_by``: the field that reports the size applied. ``reached``: fewer came than asked for, and more follow."""

    asked: int
    returned: int
    told_by: str | None
    told: int | None
    reached: bool


def read_rate_limit(headers: Mapping[str, str], now_epoch: float) -> RateLimit:
    """``headers`` by lower-case name."""
    told = read_rate_headers(headers, now_epoch)
    names = tuple(name for name in headers if "ratelimit" in name.replace("-", ""))
    return RateLimit(names, told.limit, told.remaining, told.reset_after_seconds, told.window_seconds)


def read_page_cap(asked: int, returned: int, *, has_more: bool, envelope: Envelope | None) -> PageCap:
    """``returned``: how many events the page really holds."""
    told = envelope.limit if envelope else None
    told_by = envelope.fields.get("limit") if envelope else None
    return PageCap(asked, returned, told_by, told, has_more and returned < asked)
