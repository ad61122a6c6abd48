"""Times as APIs take them in a query, and as a source's file writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

Form: TypeAlias = Literal["iso", "s", "ms", "us", "ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(instant_ms: int | None, form: Form) -> str | None:
    """Milliseconds since 1970-01-01 UTC in the form; None for none.

    Seconds are cut off downwards, so that a time is never written as a later one. Raises OverflowError for what no ISO
    date can say: years before 1 and after 9999.
    """
    if instant_ms is None:
        return None
    match form:
        case "s":
            return str(instant_ms // 1000)
        case "ms":
            return str(instant_ms)
        case "us":
            return f"{instant_ms}000" if instant_ms else "0"
        case "ns":
            return f"{instant_ms}000000" if instant_ms else "0"
        case "iso":
            text = (_EPOCH + timedelta(milliseconds=instant_ms)).isoformat(timespec="milliseconds")
            return text.replace("+00:00", "Z")


def instant_ms(text: str) -> int:
    """Milliseconds since 1970-01-01 UTC of an ISO 8601 date or time, UTC where it names no zone. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no date or time in ISO 8601") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(milliseconds=1)
