"""One thing that was compared: whether it holds, the numbers, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from datasync_spider.observe import exitcodes

Numbers = Mapping[str, int | None]


class Check(Struct, frozen=True):
    """``name`` is a stable slug; ``remedy`` is given exactly where the check fails.

    ``is_shortfall``: all that is wrong is that the API counts more than is accounted for.
    """

    name: str
    holds: bool
    text: str
    numbers: Numbers = field(default_factory=dict)
    remedy: str | None = None
    is_shortfall: bool = False


def holds(name: str, text: str, numbers: Numbers | None = None) -> Check:
    """It is as it must be."""
    return Check(name, True, text, numbers or {})


def fails(name: str, text: str, remedy: str, numbers: Numbers | None = None) -> Check:
    """It is not."""
    return Check(name, False, text, numbers or {}, remedy)


def falls_short(name: str, text: str, remedy: str, numbers: Numbers) -> Check:
    """The API counts more."""
    return Check(name, False, text, numbers, remedy, is_shortfall=True)


def exit_code(checks: Iterable[Check]) -> int:
    """Complete, incomplete where nothing but a shortfall was found, else failed."""
    problems = [check for check in checks if not check.holds]
    if not problems:
        return exitcodes.COMPLETE
    return exitcodes.INCOMPLETE if all(check.is_shortfall for check in problems) else exitcodes.FAILED
