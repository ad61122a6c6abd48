"""Loads the named statements of this folder's ``.sql`` files.

A statement starts at ``-- name: identifier``; comment lines under it say what it promises. Parameters are psycopg2's
``%(name)s`` and nothing else ever enters the text.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _statements() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"statement {name} is defined twice, the second time in {file.name}")
            found[name] = _without_comments(text)
    return found


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip().removesuffix(";")


def statement(name: str) -> str:
    """The text of the statement ``name``. Raises KeyError where no file defines it."""
    return _statements()[name]


def names() -> frozenset[str]:
    """All names, for the test that each is used."""
    return frozenset(_statements())
