"""Times as APIs take them in a query, and as a source's file writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

Form: TypeAlias = Literal["iso", "s", "ms", "us", "ns"]

UNITS_US: Final[Mapping[Form, int]] = {"iso": 1_000, "s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
"""The least step between two times that are written otherwise, in microseconds; no time is kept finer than that."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(instant_ms: int | None, form: Form) -> str | None:
    """Milliseconds since 1970-01-01 UTC in the form; None for none. See :func:`written_us`."""
    return None if instant_ms is None else written_us(instant_ms * 1_000, form)


def written_us(instant_us: int, form: Form) -> str:
    """Microseconds since 1970-01-01 UTC in the form.

    What the form does not tell is cut off downwards, so that a time is never written as a later one. Raises
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


def instant_ms(text: str) -> int:
    """Milliseconds since 1970-01-01 UTC of a date or time in ISO 8601, UTC without a zone. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no date or time in ISO 8601") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(milliseconds=1)
