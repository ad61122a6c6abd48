"""Makes records of what a page holds in another shape than a list of them: under keys, wrapped, bare, as rows.

Invariant: each piece comes out once and in its order, as a record or unmade with a reason. A value's bytes stay those
that the API sent; what is added are names, brackets and commas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from datasync_spider.observe.reasons import (
    INVALID_UTF8,
    KEY_TAKEN,
    NOT_A_MEMBER,
    NOT_A_ROW,
    NOT_A_SCALAR,
    NOT_WRAPPED,
    ROW_LENGTH,
)
from datasync_spider.records.exactjson import REFUSALS
from datasync_spider.records.fastpath import as_list, check_utf8, is_shallow
from datasync_spider.records.grammar import Ungrammatical, walk, walk_list
from datasync_spider.records.literals import Literals, text_of
from datasync_spider.records.pieces import Piece, Unmade
from datasync_spider.records.recovery import Member
from datasync_spider.records.spans import skip_space
from datasync_spider.sources.paths import Path

VALUE = "value"
"""The member that a bare text or number becomes."""

_NUMBER_STARTS = b"-0123456789"
_NOTHING = (b"", b"null")
_decode_rows = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode


class Keyed:
    """Each record's key becomes its member ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin = b"{" + _literal(name) + b":"
        self._plain = _literal(name)

    def records(self, members: Iterable[Member]) -> list[Piece]:
        """Of all of them."""
        return [self._record(key, bytes(value)) for key, value in members]

    def _record(self, key: bytes, value: bytes) -> Piece:
        if not value.startswith(b"{"):
            return Unmade.of(b"{" + key + b":" + value + b"}", NOT_A_MEMBER, "it is no object")
        if self._has_its_own(value):
            detail = f"it has a member {self._name!a} of its own"
            return Unmade.of(b"{" + key + b":" + value + b"}", KEY_TAKEN, detail)
        is_empty = value.startswith(b"}", skip_space(value, 1))
        return self._begin + key + (b"}" if is_empty else b"," + value[1:])

    def _has_its_own(self, value: bytes) -> bool:
        # A name with an escape may be this one.
        if self._plain not in value and b"\\" not in value:
            return False
        try:
            return any(_is_text(key, self._name) for key in walk(value))
        except Ungrammatical:
            return False  # nor is it with its key


class Wrapped:
    """Each record stands within an object, at ``path`` of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decode, self._names = _decoder_along(path)

    def records(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Of all of them."""
        return self._at_once(pieces) or list(map(self._record, pieces))

    def _at_once(self, pieces: Sequence[Piece]) -> list[Piece] | None:
        text = _joined(pieces)
        if text is None or self._decode is None:
            return None
        try:
            found = self._decode(text)
            # The decoder does not check the UTF-8 of what it skips.
            check_utf8(text)
        except REFUSALS:
            return None
        for name in self._names:
            found = [getattr(value, name, None) for value in found]
        return [
            Unmade.of(piece, NOT_WRAPPED, self._detail) if inner is None or bytes(inner) in _NOTHING else inner
            for piece, inner in zip(pieces, found, strict=True)
        ]

    def _record(self, piece: Piece) -> Piece:
        if isinstance(piece, Unmade):
            return piece
        text = bytes(piece)
        try:
            text.decode()
            inner = Literals(text).at(self._path)
        except UnicodeDecodeError:
            return Unmade.of(text, INVALID_UTF8)
        except Ungrammatical as error:
            return Unmade.of(text, error.reason)
        return Unmade.of(text, NOT_WRAPPED, self._detail) if inner is None or inner in _NOTHING else inner

    @property
    def _detail(self) -> str:
        return f"it has nothing at {ascii(str(self._path))[1:-1]}"


class Scalars:
    """Each text or number becomes the member ``value`` of a record."""

    def records(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Of all of them."""
        return list(map(self._record, pieces))

    def _record(self, piece: Piece) -> Piece:
        if isinstance(piece, Unmade):
            return piece
        text = bytes(piece)
        if text[0] not in _NUMBER_STARTS and not text.startswith(b'"'):
            return Unmade.of(text, NOT_A_SCALAR)
        return b'{"' + VALUE.encode() + b'":' + text + b"}"


class Rows:
    """Each record is a list of values, in the order of names that stand beside them."""

    def records(self, pieces: Sequence[Piece], names: Sequence[str]) -> list[Piece]:
        """Of all of them. No two names are alike."""
        begins = [(b"," if place else b"{") + _literal(name) + b":" for place, name in enumerate(names)]
        text = _joined(pieces)
        try:
            rows = None if text is None else _decode_rows(text)
        except REFUSALS:
            rows = None
        if rows is None:
            return [_row(begins, piece) for piece in pieces]
        return [_record_of(begins, row, piece) for row, piece in zip(rows, pieces, strict=True)]


def _row(begins: Sequence[bytes], piece: Piece) -> Piece:
    if isinstance(piece, Unmade):
        return piece
    text = bytes(piece)
    if not text.startswith(b"["):
        return Unmade.of(text, NOT_A_ROW)
    try:
        return _record_of(begins, walk_list(text), piece)
    except Ungrammatical as error:
        return Unmade.of(text, error.reason)


def _record_of(begins: Sequence[bytes], row: Sequence[bytes | msgspec.Raw], piece: Piece) -> Piece:
    if len(row) != len(begins):
        return Unmade.of(piece, ROW_LENGTH, f"{len(row):,} values for {len(begins):,} names")
    parts: list[bytes | msgspec.Raw] = [b"}"] * (2 * len(row) + 1)
    parts[:-1:2] = begins
    parts[1::2] = row
    return b"".join(parts)


def _joined(pieces: Sequence[Piece]) -> bytes | None:
    """As one list, or None where they are to be read one by one."""
    if not pieces or not all(isinstance(piece, msgspec.Raw) for piece in pieces):
        return None
    return as_list(pieces) if all(is_shallow(bytes(piece)) for piece in pieces) else None


def _decoder_along(path: Path) -> tuple[Any, list[str]]:
    """What decodes a list of such objects, and the attributes that lead to what is within; None where it cannot."""
    if path.names is None:
        return None, []
    wanted: Any = msgspec.Raw
    nothing: Any = msgspec.Raw(b"")
    try:
        for name in reversed(path.names):
            wanted = msgspec.defstruct("Member", [("inner", wanted, nothing)], rename={"inner": name}, gc=False)
            wanted, nothing = wanted | None, None
    except ValueError:  # a name that the decoder cannot look for
        return None, []
    return msgspec.json.Decoder(list[wanted]).decode, ["inner"] * len(path.names)


def _literal(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode(errors="surrogatepass")


def _is_text(literal: bytes, text: str) -> bool:
    try:
        return text_of(literal) == text
    except UnicodeDecodeError:
        return False
