"""Tables of a source's file, read key by key: each mistake is noted with its place, and reading goes on.

Invariant: no note shows a value of which its kind says that it may be a secret, nor the value of a key that is not
known. What stands in place of a value that is wrong is the caller's, who asks :meth:`Mistakes.keys_of` before judging
by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from datasync_spider.sources.files.keys import Keys

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
Default = TypeVar("Default")

MASK = "***"
_SHOWN_CHARACTERS = 60
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\[[0-9]+\])?")
_TOP = re.compile(r'"(?:[^"\\]|\\.)*"|[^.\[]*')


def shown(value: Any) -> str:
    """A value for people, cut."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "a list of tables or lists"
    text = _printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


class Kind(Struct, Generic[T_co], frozen=True):
    """``read`` makes the value or raises ValueError, which does not repeat it; ``allowed`` completes "allowed: …"."""

    read: Callable[[Any], T_co]
    allowed: str
    show: Callable[[Any], str] = shown


class Mistakes(Struct):
    """All that is wrong with one file."""

    file: str
    texts: list[str] = field(default_factory=list)
    _keys: set[tuple[str, str]] = field(default_factory=set)

    def add(self, table: str, key: str, text: str) -> None:
        """``key`` may lead into a table or a list of its own: ``next.from``, ``slices[1].owner``."""
        match = _TOP.match(key)
        self._keys.add((table, match[0] if match else key))
        self.texts.append(f"{self.file}: {' '.join(filter(None, (table, key, text)))}")

    def keys_of(self, table: str) -> set[str]:
        """The table's own keys of which anything is wrong."""
        return {key for name, key in self._keys if name == table}


class Table:
    """One table. ``name``: as a file writes it, ``[streams.issues]``; ``prefix`` leads from there to an inline one."""

    def __init__(self, values: Mapping[str, Any], name: str, keys: Keys, mistakes: Mistakes, prefix: str = "") -> None:
        self.name = name
        self.mistakes = mistakes
        self._values = values
        self._prefix = prefix
        for key in values:
            if key not in keys.known:
                self.note(key, _why_unknown(key, keys))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def raw(self, key: str) -> Any:
        """As TOML has it."""
        return self._values.get(key)

    def note(self, key: str, text: str) -> None:
        self.mistakes.add(self.name, self._prefix + key_text(key), text)

    def refuse(self, key: str, why: object, allowed: str, value: str) -> None:
        self.note(key, f"is {value}: {why}; allowed: {allowed}")

    def take(self, key: str, kind: Kind[T], default: Default) -> T | Default:
        """The value; ``default`` where there is none, or a wrong one."""
        return self._read(key, kind, self._values[key], default) if key in self._values else default

    def need(self, key: str, kind: Kind[T], default: Default) -> T | Default:
        """The same for a key that must be there."""
        if key not in self._values:
            self.note(key, f"is missing; allowed: {kind.allowed}")
        return self.take(key, kind, default)

    def table(self, key: str, keys: Keys, allowed: str, show: Callable[[Any], str] = shown) -> Table | None:
        """The table within this one; None where there is none, or something else."""
        if key not in self._values:
            return None
        value = self._values[key]
        if not isinstance(value, dict):
            self.refuse(key, "it is no table", allowed, show(value))
            return None
        return self.inner(key, value, keys)

    def inner(self, key: str, values: Mapping[str, Any], keys: Keys) -> Table:
        """A table that stands within this one, under ``key``."""
        return Table(values, self.name, keys, self.mistakes, f"{self._prefix}{key}.")

    def _read(self, key: str, kind: Kind[T], value: Any, default: Default) -> T | Default:
        try:
            return kind.read(value)
        except ValueError as error:
            self.refuse(key, error, kind.allowed, kind.show(value))
            return default


def masked(_value: Any) -> str:
    """Of a value that may be a secret."""
    return MASK


def key_text(key: str) -> str:
    """A key as a file writes it."""
    return key if _PLAIN_KEY.fullmatch(key) else _printable(json.dumps(key, ensure_ascii=False))


def guess(text: str, known: tuple[str, ...]) -> str:
    """A question that ends a sentence, or nothing."""
    close = get_close_matches(text.lower(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _printable(text: str) -> str:
    """What moves a terminal's cursor, or turns its text around, as a number."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)


def _why_unknown(key: str, keys: Keys) -> str:
    allowed = ", ".join(keys.known) or "no key, but a path or a list of paths in place of the table"
    return f"is no key of this table{guess(key, keys.known)}; allowed: {allowed}"
