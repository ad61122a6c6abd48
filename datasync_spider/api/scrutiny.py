"""The slow look at one event, for what the fast decoder refuses: it finds the reason, or that there is none.

Invariant: where the fast decoder and this module both accept an event, they read the same from it. Everything that
PostgreSQL would store passes.
"""

from __future__ import annotations

import msgspec

from datasync_spider.api.eventid import id_fault
from datasync_spider.api.grammar import Ungrammatical, unstorable_escape, walk
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

ID_NAMES = ("id", "eventId", "event_id")
TIME_NAMES = ("timestamp", "occurredAt", "occurred_at")

_WANTED = {*ID_NAMES, *TIME_NAMES}
_NUMBER_STARTS = b"-0123456789"
_REPLACEMENT = "\ufffd"


class Unusable(Exception):
    """The event cannot be stored. ``reason`` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def scrutinise(payload: bytes) -> tuple[str, int | None]:
    """The event's id and time. Raises Unusable."""
    members = _members(payload)
    fault = unstorable_escape(payload)
    if fault is not None:
        raise Unusable(ID_NUL if fault == NUL_CHARACTER and _id_has_nul(members) else fault)
    return _event_id(members), _occurred_at_us(members)


def readable_id(payload: bytes) -> str | None:
    """The id of an event that may be unusable for another reason; None where there is none that could be a key."""
    text = payload.decode(errors="replace").encode()
    try:
        event_id = _event_id(_members(text))
    except Unusable:
        return None
    # What stands for bytes that are no text may stand for any, and tells no two ids apart.
    return None if text != payload and _REPLACEMENT in event_id else event_id


def _members(payload: bytes) -> dict[str, bytes]:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise Unusable(INVALID_UTF8) from None
    try:
        members = walk(payload)
    except Ungrammatical as error:
        raise Unusable(error.reason) from None
    if not payload.lstrip().startswith(b"{"):
        raise Unusable(NOT_AN_OBJECT)
    # A key may be written with escapes, and still be the same key to PostgreSQL.
    named = ((_text(key), value) for key, value in members.items())
    return {name: value for name, value in named if name in _WANTED}


def _text(literal: bytes) -> str | None:
    """The text of a grammatical string literal; None where it holds half a surrogate pair."""
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return None


def _id_literal(members: dict[str, bytes]) -> bytes | None:
    literals = (members.get(name, b"null") for name in ID_NAMES)
    return next((literal for literal in literals if literal != b"null"), None)


def _id_has_nul(members: dict[str, bytes]) -> bool:
    literal = _id_literal(members)
    return literal is not None and literal.startswith(b'"') and unstorable_escape(literal) == NUL_CHARACTER


def _event_id(members: dict[str, bytes]) -> str:
    literal = _id_literal(members)
    if literal is None:
        raise Unusable(NO_ID)
    text = _text(literal) if literal.startswith(b'"') else _integer_text(literal)
    if text is None:
        raise Unusable(LONE_SURROGATE)
    fault = id_fault(text)
    if fault is not None:
        raise Unusable(fault)
    return text


def _integer_text(literal: bytes) -> str:
    if literal[0] not in _NUMBER_STARTS or not literal.removeprefix(b"-").isdigit():
        raise Unusable(ID_WRONG_TYPE)
    # PostgreSQL's numbers know no negative zero, and the id is to be what it says for payload->>'id'.
    return "0" if literal == b"-0" else literal.decode()


def _occurred_at_us(members: dict[str, bytes]) -> int | None:
    for name in TIME_NAMES:
        literal = members.get(name, b"null")
        # Numbers stay text: a float, or an int of thousands of digits, would not keep them.
        value = _text(literal) if literal.startswith(b'"') else literal.decode()
        time = parse_timestamp(value)
        if time is not None:
            return time
    return None
