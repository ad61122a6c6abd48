"""Whether two clocks agree. Pure."""

from __future__ import annotations

from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning

PART = "clock"
_NOTICEABLE_SECONDS = 5.0
_WRONG_SECONDS = 300.0
_REMEDY = "let both clocks be set by NTP (timedatectl status): waits that are given as instants are off by as much"


def check_clock(whose: str, reported_epoch: float, here_epoch: float, uncertain_seconds: float) -> Finding:
    """Compares a clock with this machine's; a difference that the uncertainty can explain is none."""
    difference = reported_epoch - here_epoch
    surely = max(0.0, abs(difference) - uncertain_seconds)
    direction = "ahead of" if difference > 0 else "behind"
    text = f"{whose} is {abs(difference):,.0f} s {direction} this machine's clock"
    if surely >= _WRONG_SECONDS:
        return problem(PART, text, _REMEDY)
    if surely >= _NOTICEABLE_SECONDS:
        return warning(PART, text, _REMEDY)
    return fine(PART, f"{whose} and this machine agree on the time (within {max(surely, uncertain_seconds):.1f} s)")
