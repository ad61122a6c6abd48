"""What the API asks to wait for, in words: while it is waited for, and where that would be too long. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from datasync_spider.observe.columns import duration
from datasync_spider.pacing.headers import AskedWait

_LONGEST_SECONDS = 100 * 365.25 * 86_400
_SETTING = "API_RATE_LIMIT_WAIT_BUDGET_MS"


def asked_by(status: int | None, source: str) -> str:
    """``503, Retry-After: 86400``."""
    return ", ".join(str(part) for part in (status, source) if part)


def until_text(seconds: float, epoch_now: float) -> str:
    """``2026-11-30 16:00:00 UTC, in 23 h 12 min``; a moment that someone has set by hand may be infinity."""
    if seconds > _LONGEST_SECONDS:
        return "a moment more than a hundred years ahead"
    return f"{datetime.fromtimestamp(epoch_now + seconds, UTC):%Y-%m-%d %H:%M:%S} UTC, in {duration(seconds)}"


def too_long_text(asked: AskedWait, asked_in: str, budget_seconds: float, epoch_now: float, *, is_kept: bool) -> str:
    """Why a wait is not begun, until when the API wants no request, and how to lift that.

    ``asked_in``: the answer's status and words. ``is_kept``: later runs keep the moment as well.
    """
    budget = f"{_SETTING} of {budget_seconds * 1000:.0f} ({duration(budget_seconds)})"
    if not asked.is_plausible:
        return f"the API asks for a wait that no unit makes plausible ({asked_in}), and none ends within {budget}"
    lift = (
        f"until then no run asks with this key; raise {_SETTING} to wait for it, or, if it is the API's mistake, set"
        " ingestion_credentials.closed_until to NULL in the row that scrapy status names"
        if is_kept
        else f"raise {_SETTING} to wait for it"
    )
    until = until_text(asked.seconds, epoch_now)
    return f"the API asks for no request before {until} ({asked_in}), which is after the end of {budget}: {lift}"
