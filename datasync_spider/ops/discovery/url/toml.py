"""Values as TOML writes them, in one line each."""

from __future__ import annotations

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """A key, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else text(name)


def text(value: str) -> str:
    """A basic string, whose escapes are those of JSON, but for one character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def inline(value: Any) -> str:
    """Raises ValueError for null, which TOML has not."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return text(value)
        case list() | tuple():
            return f"[{', '.join(map(inline, value))}]"
        case dict():
            members = ", ".join(f"{key(name)} = {inline(one)}" for name, one in value.items())
            return f"{{ {members} }}" if members else "{}"
    raise ValueError("null cannot be written in TOML")


def comments(lines: list[str], width: int = 116) -> list[str]:
    """Each as a comment, broken between words."""
    written: list[str] = []
    for line in lines:
        current = "#"
        for word in line.split():
            if len(current) + 1 + len(word) > width and current != "#":
                written.append(current)
                current = "#  "
            current += f" {word}"
        written.append(current)
    return written
