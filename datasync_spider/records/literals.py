"""The values within a JSON text by where they stand, as they are written.

Invariant: the text is grammatical, or there are none. Of equal keys the last counts, on each level.
"""

from __future__ import annotations

import msgspec

from datasync_spider.records.grammar import walk, walk_list
from datasync_spider.sources.paths import Path

_SPACE = b" \t\n\r"


class Literals:
    """Of one text; each object and list in it is read once."""

    def __init__(self, text: bytes) -> None:
        """Raises Ungrammatical."""
        self.text = text.strip(_SPACE)
        self._members: dict[bytes, dict[str | None, bytes]] = {}
        # What stands within a grammatical text is grammatical.
        self._members[self.text] = _members(self.text)

    @property
    def is_object(self) -> bool:
        return self.text.startswith(b"{")

    def at(self, path: Path) -> bytes | None:
        """None where nothing is. Of equal keys the last counts, on each level."""
        literal: bytes | None = self.text
        for step in path.steps:
            if literal is None:
                return None
            literal = self._member(literal, step) if isinstance(step, str) else _element(literal, step)
        return literal

    def _member(self, literal: bytes, name: str) -> bytes | None:
        if literal not in self._members:
            self._members[literal] = _members(literal)
        return self._members[literal].get(name)


def _members(literal: bytes) -> dict[str | None, bytes]:
    # A key may be written with escapes, and still be the same key to PostgreSQL.
    return {text_of(key): value for key, value in walk(literal).items()}


def _element(literal: bytes, index: int) -> bytes | None:
    elements = walk_list(literal)
    return elements[index] if -len(elements) <= index < len(elements) else None


def text_of(literal: bytes) -> str | None:
    """The text of a grammatical string literal; None where it holds half a surrogate pair."""
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None
