"""What a page says beside its records: how many there are in all, how many it holds, which request it answers.

Invariant: where several places give a count, the larger total counts, so that nothing is complete on less than any
claim, and of what the page says to hold all must agree. What merely informs may be odd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import RETURNED_MISMATCH
from datasync_spider.sources.numbers import whole_number
from datasync_spider.sources.paths import MISSING, Path
from datasync_spider.sources.spec import Stream

_T = TypeVar("_T")

_MAX_COUNT = 2**63 - 1  # what a BIGINT column holds
_SHOWN_CHARACTERS = 80


class PageFacts(msgspec.Struct, frozen=True):
    """``total``: the API's count of all records; ``returned``: what it says the page holds.

    ``unreadable_total``: what was given for a total, where all of it is no count. ``cursor_expires_in_seconds``: what
    the API says of its cursor's life.
    """

    total: int | None
    returned: int | None
    request_id: str | None
    cursor_expires_in_seconds: float | None
    unreadable_total: str | None = None

    @property
    def says_empty(self) -> bool:
        """Whether the page says that it holds no record."""
        return self.returned == 0 or (self.returned is None and self.total == 0)


def read_facts(stream: Stream, body: Any) -> PageFacts:
    """``body``: what a page was read as, whatever stands for its records. Raises PageUnreadable."""
    totals = given(stream.total, body)
    total = max(_counts(totals), default=None)
    return PageFacts(
        total=total,
        returned=_returned(given(stream.returned, body)),
        request_id=_first(_printable, given(stream.request_id, body)),
        cursor_expires_in_seconds=_first(_seconds, given(stream.cursor_seconds, body)),
        unreadable_total=_short(totals[0]) if totals and total is None else None,
    )


def given(paths: Iterable[Path], body: Any) -> list[Any]:
    """All that stands at the paths and is not null, in their order."""
    return [value for path in paths if (value := path.read(body)) is not MISSING and value is not None]


def _first(read: Callable[[Any], _T | None], values: list[Any]) -> _T | None:
    return next((fact for value in values if (fact := read(value)) is not None), None)


def _returned(values: list[Any]) -> int | None:
    counts = set(_counts(values))
    if len(counts) > 1:
        raise PageUnreadable(RETURNED_MISMATCH, f"places of the page say {min(counts)} and {max(counts)} events")
    return counts.pop() if counts else None


def _counts(values: list[Any]) -> list[int]:
    numbers = map(whole_number, values)
    return [number for number in numbers if number is not None and 0 <= number <= _MAX_COUNT]


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        value = whole_number(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return float(value)
    return None


def _printable(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _short(value: object) -> str:
    return (str(value) if isinstance(value, Decimal) else repr(value))[:_SHOWN_CHARACTERS]
