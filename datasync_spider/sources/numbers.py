"""Whole numbers, in the ways that APIs write them: 30, 30.0, 3e1, "30".

Invariant: a number is understood exactly or not at all, whatever its size, and nothing here raises.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_TEXT = 100
# Far above every count, and far below what takes time to write out.
_MOST_DIGITS = 30


def exact_number(text: str) -> Decimal | float:
    """For a decoder that meets a number with a fraction or an exponent: a float would round it, or refuse its page.

    Infinite or NaN where the exponent is of astronomical size.
    """
    try:
        return Decimal(text)
    except ArithmeticError:
        return math.inf


def whole_number(value: Any) -> int | None:
    """The whole number that ``value`` is, or is the text of; None where it is none, or has more than 30 digits."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_TEXT or not _NUMBER.fullmatch(text):
            return None
        value = exact_number(text)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**_MOST_DIGITS else None
    if isinstance(value, float):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if not value:
        return 0
    if not 0 <= value.adjusted() < _MOST_DIGITS:
        return None
    number = int(value)
    return number if value == number else None
