"""What a page of any layout holds, by the standard library alone: no code of ours has a part in it.

Numbers are kept as they are written. Invariant: of equal keys the last counts, at each level, as for PostgreSQL.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import ANY

Steps = tuple[str | int, ...]
MISSING: Any = object()
"""Where a path leads to nothing."""

MOST_LEVELS = 512
MOST_ID_BYTES = 1_000
_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}


class Integer(str):
    """As it is written."""

    __slots__ = ()


class Fraction(str):
    """A number with a point or an exponent, as it is written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object with all of its members, in their order."""


_TIMES: dict[tuple[type, str], int | None] = {
    (Integer, "1769541612"): 1769541612000000,
    (Integer, "1769541612369"): 1769541612369000,
    (Fraction, "1769541612.5"): 1769541612500000,
    (Fraction, "1.769541612e9"): 1769541612000000,
    (str, "1769541612"): 1769541612000000,
    (str, "2026-01-27T19:20:12.369Z"): 1769541612369000,
    (str, "2026-01-27T19:20:12Z"): 1769541612000000,
    (Integer, "1180591620717411303424"): None,
}
# What damage makes of them may be another time, which is for other tests to judge; no time has fewer digits.
_FEWEST_DIGITS = 8


def plain(text: bytes) -> Any:
    """What it is read as. Raises ValueError where it is no JSON, or no text."""
    return _parse(text, dict)


def _parse(text: bytes, make_object: type) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(
        text.decode(), object_pairs_hook=make_object, parse_constant=refuse, parse_int=Integer, parse_float=Fraction
    )


def at(value: Any, steps: Steps) -> Any:
    """``value``: a plain one."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        else:
            in_range = isinstance(value, list) and -len(value) <= step < len(value)
            value = value[step] if in_range else MISSING
    return value


def records(body: Any, places: Sequence[Steps]) -> tuple[list[Any] | None, Any]:
    """The list that counts, and the body with an empty one in its place. ``body``: a plain one."""
    lists = [(steps, value) for steps in places if isinstance(value := at(body, steps), list)]
    if not lists:
        return None, body
    steps, chosen = next((each for each in lists if each[1]), lists[0])
    return chosen, _emptied(body, steps)


def _emptied(value: Any, steps: Steps) -> Any:
    if not steps:
        return []
    copied = value.copy()
    copied[steps[0]] = _emptied(value[steps[0]], steps[1:])
    return copied


def verdict(text: bytes, ids: Sequence[Steps], times: Sequence[Steps]) -> tuple[str, int | None] | set[str]:
    """Id and time of a record, or the reasons of which one is to be given."""
    reasons = _unreadable(text)
    if reasons:
        return reasons
    record = plain(text)
    if not isinstance(record, dict) and all(steps and isinstance(steps[0], str) for steps in ids):
        return {"not_an_object"}
    if any(_is_unstorable(part) for part in _texts(_parse(text, Pairs))):
        return {"nul_character", "lone_surrogate", "id_nul"}
    id_ = _id([at(record, steps) for steps in ids])
    if isinstance(id_, set):
        return id_
    moments = (_time(at(record, steps)) for steps in times)
    return id_, next((moment for moment in moments if moment is not None), None)


def _time(value: Any) -> Any:
    """Microseconds since 1970, None for what is no time, ANY where that is not known."""
    if not isinstance(value, str):
        return None
    digits = sum(character.isdigit() for character in value)
    return _TIMES.get((type(value), value), ANY if digits >= _FEWEST_DIGITS else None)


def _unreadable(text: bytes) -> set[str]:
    try:
        value = _parse(text, Pairs)
    except UnicodeDecodeError:
        return {"invalid_utf8"}
    except (ValueError, RecursionError):
        return {"malformed_json", "too_deep"}
    return {"too_deep"} if _levels(value) > MOST_LEVELS else set()


def _id(values: Sequence[Any]) -> str | set[str]:
    value = next((value for value in values if value is not MISSING and value is not None), None)
    if value is None:
        return {"no_id"}
    if type(value) not in {str, Integer}:
        return {"id_wrong_type"}
    if all(unicodedata.category(character) in _INVISIBLE for character in value):
        return {"id_empty"}
    if len(value.encode()) > MOST_ID_BYTES:
        return {"id_too_long"}
    return "0" if type(value) is Integer and value == "-0" else str(value)


def _is_unstorable(text: str) -> bool:
    return any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _levels(value: Any) -> int:
    deepest, level = 0, [value]
    while level := [part for part in level if isinstance(part, list)]:
        deepest += 1
        level = [inner[1] if isinstance(part, Pairs) else inner for part in level for inner in part]
    return deepest


def _texts(value: Any) -> Iterator[str]:
    """All texts in it, keys included, and those that do not count."""
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, Pairs):
            yield from (name for name, _ in part)
            left += [inner for _, inner in part]
        elif isinstance(part, list):
            left += part
        elif type(part) is str:
            yield part
