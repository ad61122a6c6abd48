"""Foreign text made safe to look at: nothing in it can hide, reorder its surroundings, or pretend to be something else.

Invariant: what comes out as plain text holds only characters that show themselves; everything else comes out as a mark
that names it, kept apart from the text, so that an event cannot imitate a mark. It is still foreign text: whoever puts
it on a page must put it there as text, never as markup.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec

from datasync_spider.sources.streamnames import NO_SLICE

# Cc, Cf: controls and invisible formatting, among them the bidirectional ones; Cs: lone surrogates; Cn, Co: no agreed
# shape; Zl, Zp: line separators that browsers show as nothing.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
# Letters without a shape, which categories call letters.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
_NAMES = {"\n": "LF", "\r": "CR", "\t": "TAB", "\0": "NUL", "\x1b": "ESC", "\x7f": "DEL"}
_MOST_MARKS_OVER_ONE_LETTER = 4


class Segment(msgspec.Struct, frozen=True):
    """``kind`` text: show as it is. ``kind`` mark: the name of one character or byte that would not show itself."""

    kind: Literal["text", "mark"]
    text: str


def segments(raw: bytes) -> list[Segment]:
    """The bytes as UTF-8 text with its unseen characters, and its bytes that are no UTF-8, as marks."""
    found: list[Segment] = []
    plain: list[str] = []
    combining = 0
    for char in raw.decode("utf-8", "surrogateescape"):
        combining = combining + 1 if unicodedata.combining(char) else 0
        if _is_seen(char) and combining <= _MOST_MARKS_OVER_ONE_LETTER:
            plain.append(char)
            continue
        if plain:
            found.append(Segment("text", "".join(plain)))
            plain.clear()
        found.append(Segment("mark", _name(char)))
    if plain:
        found.append(Segment("text", "".join(plain)))
    return found


def line(text: str | None, limit: int = 2_000) -> str | None:
    """A text of one line: unseen characters become their names in angle brackets, and what is too long is cut."""
    if text is None:
        return None
    cut = text[:limit]
    shown = "".join(part.text if part.kind == "text" else f"⟨{part.text}⟩" for part in segments(_encoded(cut)))
    return shown if len(text) <= limit else f"{shown}…"


def slice_view(name: str) -> str | None:
    """A slice's name; None for the one of a stream that has none."""
    return None if name == NO_SLICE else line(name)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_seen(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    return unicodedata.category(char) not in _UNSEEN and char not in _BLANK_LETTERS


def _name(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"0x{ord(char) - 0xDC00:02X}"
    return _NAMES.get(char, f"U+{ord(char):04X}")
