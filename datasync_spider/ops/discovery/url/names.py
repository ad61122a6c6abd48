"""Names as APIs spell them, made comparable; and which of them hint at what.

Invariant: a name is a hint and never a proof: the caller looks at the values as well, and tries what can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NO_LETTERS = re.compile(r"[^a-z0-9]")
_DEEPEST = 6


def plain(name: str) -> str:
    """In lower case, without what separates its words: ``page_token``, ``pageToken`` and ``page-token`` are one."""
    return _NO_LETTERS.sub("", name.lower())


def words(name: str) -> list[str]:
    """The words of a name in snake_case, camelCase or kebab-case, in lower case."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def members(value: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All members of nested objects with their places; lists are given and not looked into."""
    if not isinstance(value, dict) or len(steps) >= _DEEPEST:
        return
    for name, member in value.items():
        if name:
            yield (*steps, name), member
            yield from members(member, (*steps, name))


def is_scalar(value: Any) -> bool:
    """Whether it is a text or a number."""
    return value is not None and not isinstance(value, bool | dict | list)
