"""A record's digest: equal for all texts that PostgreSQL's ``jsonb`` holds to be one value.

Invariant: the order of members, white space, escapes, and how a number is written make no difference; of equal keys the
last counts. It is a promise for ever: with another digest all stored records would come again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import msgspec

from datasync_spider.sources.paths import Path

DIGITS: Final = 32
"""Of a digest, in hexadecimal: 128 bits of SHA-256."""

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]\+?(-?)0*([0-9]+))?")
_PLAIN_DIGITS = 18
_MOST_EXPONENT_DIGITS = 18
_encode = msgspec.json.Encoder(order="sorted").encode


def digest(record: bytes, without: Iterable[Path]) -> str:
    """Of a record without what these paths of names lead to. Raises ValueError for what is no object of JSON."""
    value = _decode(record.decode())
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    for path in without:
        _leave_out(value, path)
    return hashlib.sha256(_encode(value)).hexdigest()[:DIGITS]


def _leave_out(value: Any, path: Path) -> None:
    *way, last = path.steps
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(last, None)


def _number(text: str) -> int | str:
    """Equal for equal numbers. A text begins with a NUL, which no text of a record that can be stored has."""
    if len(text) <= _PLAIN_DIGITS and text.removeprefix("-").isdigit():  # as nearly always
        return int(text)
    match = _NUMBER.fullmatch(text)
    assert match is not None
    sign, whole, fraction, power = match[1], match[2], match[3] or "", match[5] or "0"
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0
    if len(power) > _MOST_EXPONENT_DIGITS:
        return f"\0{text}"  # beyond what PostgreSQL stores
    stripped = digits.rstrip("0")
    exponent = int(f"{match[4] or ''}{power}") - len(fraction) + len(digits) - len(stripped)
    if exponent >= 0 and len(sign) + len(stripped) + exponent <= _PLAIN_DIGITS:
        return int(f"{sign}{stripped}{'0' * exponent}")
    return f"\0{sign}{stripped}e{exponent}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_no_constant).decode
