"""Paths to values within a JSON body: ``meta.next``, ``"@odata.nextLink"``, ``items[0].id``, ``@``.

A path is names and "quoted names" joined by dots, ``[n]`` for an element of a list (negative from its end), and ``@``
for the body itself.

Invariant: what is missing is :data:`MISSING` and never None, for null is a value that an API sends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

_STEP = re.compile(
    r"""(?P<dot>\.?)(?:(?P<name>[^\s."'\[\]@]+)|"(?P<quoted>(?:[^"\\]|\\.)+)")|\[(?P<index>-?[0-9]{1,9})\]""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What is followed by a = or begins with a word and a colon means something where a path is a part of a text.
_PLAIN = re.compile(r"""[^\s."'\[\]@\\=:]+""")
_ALLOWED = 'names and "quoted names" joined by dots, [0] for an element of a list, or @ for the body itself'


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing.MISSING
"""Where a path leads to nothing. It is not None, which is what JSON's null is read as."""


@dataclass(frozen=True, slots=True)
class Path:
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
