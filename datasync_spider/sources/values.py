"""What APIs make of the values that decide where a stream goes on: that there is none, a truth, a text.

Invariant: what is not understood for certain is an error, and never a guess; a value that could not be stored is none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import CURSOR_NUL, CURSOR_WRONG_TYPE
from datasync_spider.sources.numbers import whole_number
from datasync_spider.sources.paths import MISSING

_WORDS = {"true": True, "1": True, "false": False, "0": False}


def names_nothing(value: Any) -> bool:
    """Whether an API says with this that nothing follows: nowhere, null, "", or false, as PHP writes it."""
    return value is MISSING or value is None or value is False or value == ""


def truth(value: Any) -> bool | None:
    """Also of what some languages make of true and false: 1, "0", "True". None where it is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    number = whole_number(value)
    return bool(number) if number in {0, 1} else None


def token(value: Any) -> str:
    """A cursor as the text that it is. Raises PageUnreadable where it is none, or could be followed but not saved."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise PageUnreadable(CURSOR_WRONG_TYPE, f"the next cursor is {shown(value)}")
    if "\0" in value:
        raise PageUnreadable(CURSOR_NUL)
    return value


def shown(value: object) -> str:
    """For a message; no longer than that can bear."""
    return (str(value) if isinstance(value, Decimal) else repr(value))[:80]
