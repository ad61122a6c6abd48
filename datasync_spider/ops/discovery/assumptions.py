"""Makes a plan's assumptions from a discovery: what was reported counts, and what was not is assumed and said so."""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.ops.discovery.effort import (
    DEFAULT_PAGE_SECONDS,
    DEFAULT_WINDOW_SECONDS,
    KEY_LIFE_SECONDS,
    Assumptions,
)
from datasync_spider.ops.discovery.examine import Discovery


class Wanted(Struct, frozen=True):
    """What the user says about the pass; None: as discovered."""

    page_limit: int
    events: int | None = None
    page_seconds: float = DEFAULT_PAGE_SECONDS
    key_life_seconds: float = KEY_LIFE_SECONDS


def assume(discovery: Discovery, wanted: Wanted) -> Assumptions | None:
    """The assumptions, or None where neither the API nor the user says how many events there are.

    The window is what a policy reports; else what is left of it, if that is more than usual; else what is usual.
    """
    events = wanted.events
    if events is None and discovery.page is not None:
        events = discovery.page.total
    if events is None:
        return None
    rate, cap = discovery.rate_limit, discovery.cap
    window = rate.window_seconds or max(rate.reset_after_seconds or 0.0, DEFAULT_WINDOW_SECONDS)
    # A page that fell short of a small request shows the cap; one that did not shows nothing of it.
    page_size = min(wanted.page_limit, cap.returned) if cap and cap.reached and cap.returned else wanted.page_limit
    return Assumptions(
        events=events,
        events_a_page=page_size,
        page_seconds=wanted.page_seconds,
        requests_a_window=rate.limit,
        window_seconds=window,
        key_life_seconds=wanted.key_life_seconds,
    )
