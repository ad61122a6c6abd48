"""What a page says beside its events: whether there is more, where, and how much in all.

The same facts come nested in ``pagination`` or ``meta`` or flat, in camelCase or snake_case. Invariant: a fact that
decides where the walk goes on is taken only where all places that tell it agree; of two totals the larger counts, so
that nothing is complete on less than any claim; what merely informs may be odd.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from datasync_spider.api.errorinpage import ErrorInPage, ErrorMembers, find_error
from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.reasons import (
    CURSOR_NUL,
    CURSOR_WRONG_TYPE,
    HAS_MORE_WITHOUT_CURSOR,
    HAS_MORE_WRONG_TYPE,
    NEITHER_HAS_MORE_NOR_CURSOR,
    RETURNED_MISMATCH,
    TWO_CURSORS,
    TWO_HAS_MORES,
)
from datasync_spider.sources.numbers import whole_number

_T = TypeVar("_T")

_MAX_COUNT = 2**63 - 1  # what a BIGINT column holds


_WORDS = {"true": True, "1": True, "false": False, "0": False}


class Envelope(ErrorMembers):
    """A page's members but for its events, under the wire's own names."""

    pagination: Any = None
    meta: Any = None
    hasMore: Any = None  # noqa: N815
    has_more: Any = None
    nextCursor: Any = None  # noqa: N815
    next_cursor: Any = None
    cursorExpiresIn: Any = None  # noqa: N815
    cursor_expires_in: Any = None
    requestId: Any = None  # noqa: N815
    request_id: Any = None
    total: Any = None
    returned: Any = None


# Under which names a fact is told.
_FACTS = {
    "hasMore": "has_more",
    "has_more": "has_more",
    "nextCursor": "next_cursor",
    "next_cursor": "next_cursor",
    "cursorExpiresIn": "cursor_expires_in",
    "cursor_expires_in": "cursor_expires_in",
    "requestId": "request_id",
    "request_id": "request_id",
    "total": "total",
    "returned": "returned",
}


_FLAT = slice(len(Envelope.__struct_fields__) - len(_FACTS), len(Envelope.__struct_fields__))
_NOTHING_FLAT = (None,) * len(_FACTS)


class Feed(msgspec.Struct, frozen=True):
    """The facts, wherever they were told. ``next_cursor`` is None where it is absent, null, false or empty.

    ``unreadable_total``: what was given for a total, where all of it is no count.
    """

    has_more: bool | None
    next_cursor: str | None
    total: int | None
    returned: int | None
    request_id: str | None
    cursor_expires_in_seconds: float | None
    unreadable_total: str | None = None

    @property
    def says_empty(self) -> bool:
        """Whether the page says that it holds no event."""
        return self.returned == 0 or (self.returned is None and self.total == 0)

    def direction(self) -> tuple[bool, str | None]:
        """Whether there is more, and the cursor to it. Raises PageContradiction where that stays open."""
        if self.has_more is None:
            if self.next_cursor is None:
                raise PageContradiction(NEITHER_HAS_MORE_NOR_CURSOR)
            return True, self.next_cursor
        if not self.has_more:
            # A cursor beside hasMore false is where a later page would begin, or a link back to the head: to follow it
            # would never end. The plain word wins over the link.
            return False, None
        if self.next_cursor is None:
            raise PageContradiction(HAS_MORE_WITHOUT_CURSOR)
        return True, self.next_cursor


def error_of(envelope: Envelope, *, has_events: bool) -> ErrorInPage | None:
    """The error that the page says it is, be it flat or in ``pagination`` or ``meta``."""
    return find_error(envelope, (envelope.pagination, envelope.meta), has_events=has_events)


def read_feed(envelope: Envelope) -> Feed:
    """Raises PageUnreadable for a deciding fact of a wrong type, PageContradiction where places disagree."""
    told = _told(envelope)
    total = max(_counts(told["total"]), default=None)
    return Feed(
        has_more=_has_more(told["has_more"]),
        next_cursor=_next_cursor(told["next_cursor"]),
        total=total,
        returned=_returned(told["returned"]),
        request_id=_first(_printable, told["request_id"]),
        cursor_expires_in_seconds=_first(_seconds, told["cursor_expires_in"]),
        unreadable_total=_short(told["total"][0]) if told["total"] and total is None else None,
    )


def _told(envelope: Envelope) -> defaultdict[str, list[Any]]:
    """All that is told of each fact: first in ``pagination``, then in ``meta``, then flat."""
    told = defaultdict(list)
    places = [envelope.pagination, envelope.meta]
    if msgspec.structs.astuple(envelope)[_FLAT] != _NOTHING_FLAT:
        places.append(msgspec.structs.asdict(envelope))
    for place in places:
        if isinstance(place, dict):
            for name, value in place.items():
                if value is not None and (fact := _FACTS.get(name)) is not None:
                    told[fact].append(value)
    return told


def _first(read: Callable[[Any], _T | None], told: list[Any]) -> _T | None:
    for value in told:
        if (fact := read(value)) is not None:
            return fact
    return None


def _has_more(told: list[Any]) -> bool | None:
    words = [_truth(value) for value in told]
    if None in words:
        raise PageUnreadable(HAS_MORE_WRONG_TYPE, f"hasMore is {_short(told)}")
    if True in words and False in words:
        raise PageContradiction(TWO_HAS_MORES)
    return words[0] if words else None


def _truth(value: Any) -> bool | None:
    """Also of what some languages make of true and false: 1, "0", "True"."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    number = whole_number(value)
    return bool(number) if number in {0, 1} else None


def _next_cursor(told: list[Any]) -> str | None:
    cursors = {cursor for value in told if (cursor := _cursor(value))}
    if len(cursors) > 1:
        raise PageContradiction(TWO_CURSORS)
    return cursors.pop() if cursors else None


def _cursor(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is False:
        # As PHP writes that there is none.
        return ""
    if not isinstance(value, str):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next cursor is {_short(value)}")
    if "\0" in value:
        # It could be followed, but never saved, and what cannot be saved cannot be resumed.
        raise PageUnreadable(CURSOR_NUL)
    return value


def _returned(told: list[Any]) -> int | None:
    counts = set(_counts(told))
    if len(counts) > 1:
        raise PageUnreadable(RETURNED_MISMATCH, f"places of the page say {min(counts)} and {max(counts)} events")
    return counts.pop() if counts else None


def _counts(told: list[Any]) -> list[int]:
    numbers = map(whole_number, told)
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
    return (str(value) if isinstance(value, Decimal) else repr(value))[:80]
