"""Paths to values within a JSON body, and what is made of the values: whole numbers, truths, texts.

A path is names and "quoted names" joined by dots (``meta.next``, ``"@odata.nextLink"``), ``[n]`` for an element of a
list (``items[0].id``, negative from its end), and ``@`` for the body itself.

Invariants: what is missing is :data:`MISSING` and never None, for null is a value that an API sends. A number is
understood exactly or not at all, whatever its size. What decides where a stream goes on and is not understood for
certain is an error, and never a guess; a value that could not be stored is none.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import CURSOR_NUL, CURSOR_WRONG_TYPE

_STEP = re.compile(
    r"""(?P<dot>\.?)(?:(?P<name>[^\s."'\[\]@]+)|"(?P<quoted>(?:[^"\\]|\\.)+)")|\[(?P<index>-?[0-9]{1,9})\]""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What is followed by a = or begins with a word and a colon means something where a path is a part of a text.
_PLAIN = re.compile(r"""[^\s."'\[\]@\\=:]+""")
_ALLOWED = 'names and "quoted names" joined by dots, [0] for an element of a list, or @ for the body itself'
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_TEXT = 100
# Far above every count, and far below what takes time to write out.
_MOST_DIGITS = 30
_WORDS = {"true": True, "1": True, "false": False, "0": False}


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing.MISSING
"""Where a path leads to nothing. It is not None, which is what JSON's null is read as."""


class Path(Struct, frozen=True):
    """``steps``: a name for a member, a number for an element; none for the body itself."""

    steps: tuple[str | int, ...] = ()

    @property
    def is_body(self) -> bool:
        return not self.steps

    @property
    def names(self) -> tuple[str, ...] | None:
        """The steps where all of them are names, else None."""
        names = tuple(step for step in self.steps if isinstance(step, str))
        return names if len(names) == len(self.steps) else None

    def read(self, value: Any) -> Any:
        """The value that the path leads to, or MISSING."""
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
            elif isinstance(value, list) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return MISSING
        return value

    def __str__(self) -> str:
        if not self.steps:
            return "@"
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{_name_text(step)}" for step in self.steps)
        return text.removeprefix(".")


def parse_path(text: str) -> Path:
    """The path that the text means. Raises ValueError, saying where it stops being one and what is allowed."""
    if text == "@":
        return Path()
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or (match["index"] is None and bool(match["dot"]) is not bool(steps)):
            raise ValueError(f"it is no path from character {position + 1} on: allowed are {_ALLOWED}")
        steps.append(_parsed_step(match))
        position = match.end()
    if not steps:
        raise ValueError(f"it is empty: allowed are {_ALLOWED}")
    return Path(tuple(steps))


def _parsed_step(match: re.Match[str]) -> str | int:
    if match["index"] is not None:
        return int(match["index"])
    return match["name"] or _ESCAPED.sub(r"\1", match["quoted"])


def _name_text(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
