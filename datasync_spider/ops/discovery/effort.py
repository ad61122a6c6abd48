"""What reading the whole feed would take: requests, time under the rate limit, and whether a key would last.

An estimate of one unbroken pass from the head to the end. One request is in flight at a time, and a rate window is
fixed: what was left over in one is not there in the next. Pure.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

KEY_LIFE_SECONDS = 3 * 3600.0
DEFAULT_WINDOW_SECONDS = 60.0
# A page of some megabytes takes the API between two and six seconds.
DEFAULT_PAGE_SECONDS = 4.0
_TIGHT = 0.8


class Assumptions(Struct, frozen=True):
    """``requests_a_window`` None: no limit is reported. ``key_life_seconds`` counts from the key's first use."""

    events: int
    events_a_page: int
    page_seconds: float
    requests_a_window: int | None
    window_seconds: float
    key_life_seconds: float


class Plan(Struct, frozen=True):
    """``bound_by``: what the time is made of, ``rate limit`` or ``answers``. ``warnings`` are sentences."""

    assumptions: Assumptions
    requests: int
    seconds: float
    bound_by: str
    warnings: tuple[str, ...]


def make_plan(assumed: Assumptions) -> Plan:
    """The estimate for one pass."""
    # An empty feed has a page too.
    requests = max(1, ceil(assumed.events / assumed.events_a_page))
    answering = requests * assumed.page_seconds
    seconds, bound_by = answering, "answers"
    if assumed.requests_a_window:
        quota = assumed.requests_a_window
        full_windows = (requests - 1) // quota
        limited = full_windows * assumed.window_seconds + (requests - full_windows * quota) * assumed.page_seconds
        if limited > answering:
            seconds, bound_by = limited, "rate limit"
    return Plan(assumed, requests, seconds, bound_by, tuple(_warnings(assumed, seconds)))


def _warnings(assumed: Assumptions, seconds: float) -> list[str]:
    found = []
    life = assumed.key_life_seconds
    if seconds > life:
        found.append(
            f"a key would not last: a pass takes about {duration(seconds)}, and a key lives {duration(life)} from its"
            " first use. Cursors die within minutes, so a new key begins at the head of the feed again unless the API"
            " filters by time: ask for larger pages (API_PAGE_LIMIT) or for a key that lives longer"
        )
    elif seconds > life * _TIGHT:
        found.append(
            f"a key would last only just: a pass takes about {duration(seconds)}, and a key lives {duration(life)}"
        )
    if assumed.requests_a_window == 0:
        found.append("the rate limit that is reported is 0: it was left out of the estimate")
    return found


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds."""
    whole = ceil(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def plan_report(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON object."""
    return {**asdict(plan), "assumptions": asdict(plan.assumptions), "warnings": list(plan.warnings)}


def plan_lines(plan: Plan) -> list[str]:
    """The plan for people, with all that it assumes."""
    assumed = plan.assumptions
    limit = (
        f"{assumed.requests_a_window} requests each {assumed.window_seconds:g} s"
        if assumed.requests_a_window
        else "no rate limit"
    )
    return [
        f"plan: {assumed.events:,} events in pages of {assumed.events_a_page:,} are {plan.requests:,} requests",
        f"  about {duration(plan.seconds)}, bound by {plan.bound_by} ({limit}, {assumed.page_seconds:g} s a page)",
        *(f"  warning: {text}" for text in plan.warnings),
    ]
