"""The strict parser of one record, for what the fast decoder refuses: it finds the reason, or that there is none.

Invariant: where the fast decoder and this module both accept a record, they read the same from it. Everything that
PostgreSQL would store passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from datasync_spider.api.eventid import id_fault
from datasync_spider.api.grammar import Ungrammatical, unstorable_escape, walk, walk_list
from datasync_spider.api.timestamp import parse_timestamp
from datasync_spider.reasons import (
    ID_NUL,
    ID_WRONG_TYPE,
    INVALID_UTF8,
    LONE_SURROGATE,
    NO_ID,
    NOT_AN_OBJECT,
    NUL_CHARACTER,
)
from datasync_spider.sources.paths import Path

_NUMBER_STARTS = b"-0123456789"
_REPLACEMENT = "\ufffd"
_SPACE = b" \t\n\r"
_NULL = b"null"


class Unusable(Exception):
    """The record cannot be stored. ``reason`` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Scrutiny:
    """``ids``, ``times``: where they stand in a record, in the order in which they count. Made once a run."""

    def __init__(self, ids: Sequence[Path], times: Sequence[Path]) -> None:
        self._ids = ids
        self._times = times
        self._is_of_objects = all(isinstance(next(iter(path.steps), None), str) for path in ids)

    def scrutinise(self, payload: bytes) -> tuple[str, int | None]:
        """The record's id and time. Raises Unusable."""
        record = self._record(payload)
        fault = unstorable_escape(payload)
        if fault is not None:
            raise Unusable(ID_NUL if fault == NUL_CHARACTER and _has_nul(self._id_literal(record)) else fault)
        return self._event_id(record), self._occurred_at_us(record)

    def readable_id(self, payload: bytes) -> str | None:
        """The id of a record that may be unusable for another reason; None where there is none that could be a key."""
        text = payload.decode(errors="replace").encode()
        try:
            event_id = self._event_id(self._record(text))
        except Unusable:
            return None
        # What stands for bytes that are no text may stand for any, and tells no two ids apart.
        return None if text != payload and _REPLACEMENT in event_id else event_id

    def _record(self, payload: bytes) -> _Literals:
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise Unusable(INVALID_UTF8) from None
        try:
            record = _Literals(payload)
        except Ungrammatical as error:
            raise Unusable(error.reason) from None
        if self._is_of_objects and not record.is_object:
            raise Unusable(NOT_AN_OBJECT)
        return record

    def _id_literal(self, record: _Literals) -> bytes | None:
        literals = map(record.at, self._ids)
        return next((literal for literal in literals if literal not in {None, _NULL}), None)

    def _event_id(self, record: _Literals) -> str:
        literal = self._id_literal(record)
        if literal is None:
            raise Unusable(NO_ID)
        text = _text(literal) if literal.startswith(b'"') else _integer_text(literal)
        if text is None:
            raise Unusable(LONE_SURROGATE)
        fault = id_fault(text)
        if fault is not None:
            raise Unusable(fault)
        return text

    def _occurred_at_us(self, record: _Literals) -> int | None:
        for literal in map(record.at, self._times):
            if literal is None:
                continue
            # Numbers stay text: a float, or an int of thousands of digits, would not keep them.
            time_us = parse_timestamp(_text(literal) if literal.startswith(b'"') else literal.decode())
            if time_us is not None:
                return time_us
        return None


class _Literals:
    """The values within a text by where they stand, as they are written; each object and list is walked once."""

    def __init__(self, text: bytes) -> None:
        """Raises Ungrammatical."""
        self._text = text.strip(_SPACE)
        self._members: dict[bytes, dict[str | None, bytes]] = {}
        # What stands within a grammatical text is grammatical.
        self._members[self._text] = _members(self._text)

    @property
    def is_object(self) -> bool:
        return self._text.startswith(b"{")

    def at(self, path: Path) -> bytes | None:
        """None where nothing is. Of equal keys the last counts, on each level."""
        literal: bytes | None = self._text
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
    return {_text(key): value for key, value in walk(literal).items()}


def _element(literal: bytes, index: int) -> bytes | None:
    elements = walk_list(literal)
    return elements[index] if -len(elements) <= index < len(elements) else None


def _text(literal: bytes) -> str | None:
    """The text of a grammatical string literal; None where it holds half a surrogate pair."""
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None


def _has_nul(literal: bytes | None) -> bool:
    return literal is not None and literal.startswith(b'"') and unstorable_escape(literal) == NUL_CHARACTER


def _integer_text(literal: bytes) -> str:
    if literal[0] not in _NUMBER_STARTS or not literal.removeprefix(b"-").isdigit():
        raise Unusable(ID_WRONG_TYPE)
    # PostgreSQL's numbers know no negative zero, and the id is to be what it says for payload->>'id'.
    return "0" if literal == b"-0" else literal.decode()
