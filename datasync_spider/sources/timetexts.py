"""Times as APIs take them in a query, and as a source's file writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

FORMS: Final = ("iso", "s", "ms", "us", "ns")
"""All but patterns of ``strftime``, which have a % in them."""

_UNITS_US: Final[Mapping[str, int]] = {"iso": 1_000, "s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
_SECOND_US = 1_000_000
# Of a pattern, by the finest part that it has.
_DIRECTIVES_US: Final = (("%f", 1), ("%S", _SECOND_US), ("%M", 60 * _SECOND_US), ("%H", 3_600 * _SECOND_US))
_DAY_US = 86_400 * _SECOND_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unit_us(form: str) -> int:
    """The least step between two times that are written otherwise, in microseconds; no time is kept finer than that."""
    if form in _UNITS_US:
        return _UNITS_US[form]
    return next((unit for directive, unit in _DIRECTIVES_US if directive in form), _DAY_US)


def check_form(form: str) -> None:
    """Raises ValueError for what is none, or a pattern that does not have the day."""
    if form in FORMS:
        return
    if "%" not in form:
        raise ValueError("it is none of these")
    day = datetime(2001, 2, 3, tzinfo=UTC)
    if len({(day + timedelta(days=days)).strftime(form) for days in (0, 1, 28, 365)}) < 4:
        raise ValueError("it is a pattern that writes different days alike")


def written(instant_ms: int | None, form: str) -> str | None:
    """Milliseconds since 1970-01-01 UTC in the form; None for none. See :func:`written_us`."""
    return None if instant_ms is None else written_us(instant_ms * 1_000, form)


def written_us(instant_us: int, form: str) -> str:
    """Microseconds since 1970-01-01 UTC in the form, which may be a pattern of ``strftime``, for UTC.

    What the form does not hold is cut off downwards, so that a time is never written as a later one. Raises
    OverflowError for what no ISO date can say: years before 1 and after 9999.
    """
    match form:
        case "s":
            return str(instant_us // 1_000_000)
        case "ms":
            return str(instant_us // 1_000)
        case "us":
            return str(instant_us)
        case "ns":
            return f"{instant_us}000" if instant_us else "0"
        case "iso":
            text = (_EPOCH + timedelta(milliseconds=instant_us // 1_000)).isoformat(timespec="milliseconds")
            return text.replace("+00:00", "Z")
    return (_EPOCH + timedelta(microseconds=instant_us)).strftime(form)


def instant_ms(text: str) -> int:
    """Milliseconds since 1970-01-01 UTC of a date or time in ISO 8601, UTC without a zone. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no date or time in ISO 8601") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(milliseconds=1)
