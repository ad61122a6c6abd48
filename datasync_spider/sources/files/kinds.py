"""The kinds of values that a source's file may hold: how each is read, and how what is allowed is said in words.

Invariant: a reader gives a value of its type or raises ValueError, which does not repeat what it was given. Where a
value stands is not known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from datasync_spider.sources.addresses import appendable, check_base_url, check_stream_url, shown_url, with_slash
from datasync_spider.sources.files.tables import Kind, guess, shown
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.secretnames import MARK, may_be_secret
from datasync_spider.sources.slots import with_stand_ins

T = TypeVar("T")

PLAIN = re.compile(r"[A-Za-z0-9_-]{1,63}")
PLAIN_ALLOWED = "1 to 63 of A-Z, a-z, 0-9, - and _"
PATH_ALLOWED = 'a path: names and "quoted names" joined by dots, [0] for an element of a list'
_LONGEST_WHOLE = 2**53
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_DURATION = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,9})?)\s?(?P<unit>ms|s|m|h|d)", re.ASCII)
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_LONGEST_DURATION = 36_525 * 86_400.0
_OF_A_SHAPE = re.compile(r"(?:map|wrapped|columns|scalars|python|hash|all|any):")


def text_of(value: Any) -> str:
    """The text. Raises ValueError for anything else, and for an empty one."""
    if not isinstance(value, str):
        raise ValueError(f"it is {_what(value)} and no text")
    if not value:
        raise ValueError("it is empty")
    return value


def text() -> Kind[str]:
    """Any that is not empty."""
    return Kind(text_of, "a text that is not empty")


def plain_name(refused: Mapping[str, str] | None = None) -> Kind[str]:
    """``refused``: names, in lower case, with the reason why they are none."""

    def read(value: Any) -> str:
        text = text_of(value)
        if not PLAIN.fullmatch(text):
            raise ValueError("it is no such name")
        if refused and (why := refused.get(text.lower())) is not None:
            raise ValueError(why)
        return text

    return Kind(read, PLAIN_ALLOWED)


def header_name() -> Kind[str]:
    """As HTTP has them."""

    def read(value: Any) -> str:
        found = text_of(value)
        if not _HEADER_NAME.fullmatch(found):
            raise ValueError("it is no name of a header")
        return found

    return Kind(read, "a header's name, such as X-RateLimit-Reset")


def whole_number(low: int = 0, high: int = _LONGEST_WHOLE) -> Kind[int]:
    """Within both, which are allowed."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"it is {_what(value)} and no whole number")
        if not low <= value <= high:
            raise ValueError("it is out of range")
        return value

    return Kind(read, f"a whole number from {low}" + (f" to {high:,}" if high < _LONGEST_WHOLE else ""))


def positive_number() -> Kind[float]:
    """Whole or not, and above zero."""

    def read(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
            raise ValueError("it is no number above 0")
        return float(value)

    return Kind(read, "a number above 0")


def duration() -> Kind[float]:
    """Seconds, as a number or a text with a unit."""

    def read(value: Any) -> float:
        seconds: float
        if isinstance(value, str):
            match = _DURATION.fullmatch(value)
            if match is None:
                raise ValueError("it is no duration")
            seconds = float(match["number"]) * _SECONDS_OF[match["unit"]]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value) if abs(value) <= _LONGEST_WHOLE else math.inf
        else:
            raise ValueError(f"it is {_what(value)} and no duration")
        if not 0 <= seconds <= _LONGEST_DURATION:
            raise ValueError("it is out of range")
        return seconds

    return Kind(read, 'a number of seconds, or a text such as "30s", "5m", "2h" or "1d", up to 100 years')


def boolean() -> Kind[bool]:
    """TOML's own."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"it is {_what(value)} and neither true nor false")
        return value

    return Kind(read, "true or false")


def choice(options: tuple[T, ...]) -> Kind[T]:
    """One of the texts."""
    names = tuple(str(option) for option in options)

    def read(value: Any) -> T:
        text = text_of(value)
        if text not in names:
            raise ValueError(f"it is none of these{guess(text, names)}")
        return options[names.index(text)]

    return Kind(read, ", ".join(names[:-1]) + f" or {names[-1]}" if names[1:] else names[0])


def scalar() -> Kind[Any]:
    """What JSON and TOML both have, but for null, which TOML has not."""

    def read(value: Any) -> Any:
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"it is {_what(value)}")
        return value

    return Kind(read, "a text, a number, true or false")


def path(*, takes_body: bool = False, names_only: bool = False) -> Kind[Path]:
    """``takes_body``: ``@`` is one, too. ``names_only``: no element of a list may be on the way."""

    def read(value: Any) -> Path:
        found = path_of(value, takes_body=takes_body)
        if names_only and found.names is None:
            raise ValueError("an element of a list is not understood here by this version")
        return found

    return Kind(read, 'a path: names and "quoted names" joined by dots' if names_only else _allowed_path(takes_body))


def path_of(value: Any, *, takes_body: bool = False) -> Path:
    """The path that a text means. Raises ValueError."""
    text = text_of(value)
    if _OF_A_SHAPE.match(text):
        raise ValueError('more than a path is said by a table, such as { path = "data", shape = "map" }')
    found = parse_path(text)
    if found.is_body and not takes_body:
        raise ValueError("it is the whole and no part of it")
    return found


def paths(*, takes_body: bool = False) -> Kind[tuple[Path, ...]]:
    """One path, or several places of which an answer has one."""

    def read(value: Any) -> tuple[Path, ...]:
        texts = value if isinstance(value, list) else [value]
        if not texts:
            raise ValueError("it is an empty list")
        return unlike([path_of(text, takes_body=takes_body) for text in texts])

    return Kind(read, f"{_allowed_path(takes_body)}, or a list of such paths")


def unlike(values: list[T]) -> tuple[T, ...]:
    """The same. Raises ValueError where two are alike."""
    if any(value in values[:index] for index, value in enumerate(values)):
        raise ValueError("it holds the same twice")
    return tuple(values)


def base_url() -> Kind[str]:
    """An address that paths are appended to: slashes at the end of its path are dropped."""
    allowed = "an http or https URL without user and fragment, such as https://host/api/v1"
    return _url(check_base_url, appendable, allowed)


def stream_url() -> Kind[str]:
    """What follows ``base_url``, with a slash in front, or an address of its own."""
    allowed = "a path that follows base_url, such as /issues, or an http or https URL without user and fragment"
    return _url(check_stream_url, with_slash, allowed)


def _url(check: Callable[[str], None], normal: Callable[[str], str], allowed: str) -> Kind[str]:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"it is {_what(value)} and no text")
        if MARK in value:
            raise ValueError('no secret travels in a URL of a file: use auth = {type = "query", …}')
        if any(may_be_secret(name) for name, _ in parse_qsl(value.partition("?")[2])):
            raise ValueError('its query holds a credential: use auth = {type = "query", …}')
        # A digit can stand wherever a slot can, be it in a host, a port or a path.
        check(with_stand_ins(value, "1"))
        return normal(value)

    return Kind(read, allowed, lambda value: shown(shown_url(value)) if isinstance(value, str) else shown(value))


def _allowed_path(takes_body: bool) -> str:
    return PATH_ALLOWED + (", or @ for the body itself" if takes_body else "")


def _what(value: Any) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
