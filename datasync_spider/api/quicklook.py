"""The quick look at events, by the fast decoder: at many together, or at one. What it cannot judge it leaves.

Invariant: what is accepted here, :mod:`datasync_spider.api.scrutiny` would accept too, and read the same from it. A
doubt is never settled here: the answer is None, and somebody looks more slowly.

The look at many costs a third of as many looks at one: each step is one call for a whole column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from datasync_spider.api.eventid import MAX_ID_BYTES, id_fault
from datasync_spider.api.grammar import MAX_DEPTH
from datasync_spider.api.timestamp import parse_timestamp, parse_timestamps

_BACKSLASH = b"\\"[0]  # as a number: that search is one memchr
_FEW_BACKSLASHES = 300
_SURELY_SHORT = MAX_ID_BYTES // 4  # UTF-8 takes at most four bytes for a character
_SURELY_SHALLOW_BYTES = 2 * MAX_DEPTH  # each level takes two brackets
# Python decodes what is not ASCII tenfold slower, so little is to share a piece with it.
_UTF8_PIECE_BYTES = 4_096
_INT64_BITS = 63
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Payload: TypeAlias = bytes | msgspec.Raw
"""An event's bytes, be they its own or a part of the body."""

Columns: TypeAlias = tuple[list[str], list[int | None]]
"""Ids, and times in microseconds since 1970-01-01 UTC; the events' order."""


class _Usual(msgspec.Struct, gc=False):
    """What most feeds call them. Whatever else an event has then makes no difference to its id and time."""

    id: str
    timestamp: Any


class _Fields(msgspec.Struct, gc=False):
    """Members carry the wire's own names. A wrong type among the ids is for the slow look to judge."""

    id: str | int | None = None
    eventId: str | int | None = None  # noqa: N815
    event_id: str | int | None = None
    timestamp: Any = None
    occurredAt: Any = None  # noqa: N815
    occurred_at: Any = None


# A float would lose digits of a time: its text is kept instead, and reads as the same number.
_decode = msgspec.json.Decoder(_Fields, float_hook=str).decode
_decode_all = msgspec.json.Decoder(list[_Fields], float_hook=str).decode
_decode_usual = msgspec.json.Decoder(list[_Usual], float_hook=str).decode


def look_at_all(payloads: Sequence[Payload]) -> Columns | None:
    """Ids and times of all events, or None where one of them, or their ids taken together, needs a closer look."""
    if not payloads:
        return [], []
    text = _array(payloads)
    try:
        if _has_nul_escape(text):
            return None
        if max(map(len, payloads)) > _SURELY_SHALLOW_BYTES and not all(map(_is_shallow, map(bytes, payloads))):
            return None
        columns = _usual_columns(text) or _columns(text)
        # The decoder does not check the UTF-8 of what it skips.
        _check_utf8(text)
    except _REFUSALS:
        return None
    return columns if columns and len(columns[0]) == len(payloads) and _are_plain(columns[0]) else None


def _array(payloads: Sequence[Payload]) -> bytes:
    """A JSON value each, so that between brackets and commas they are a JSON array."""
    parts = list(payloads)
    parts[0] = b"[" + parts[0]
    parts.append(b"]")
    parts[-2:] = [b"".join(parts[-2:])]
    return b",".join(parts)


def _usual_columns(text: bytes) -> Columns | None:
    try:
        events = _decode_usual(text)
    except msgspec.ValidationError:
        return None
    times_us = parse_timestamps([event.timestamp for event in events])
    # Another name may have the time that this one has not.
    return None if None in times_us else ([event.id for event in events], times_us)


def _columns(text: bytes) -> Columns | None:
    fields = _decode_all(text)
    event_ids = _ids(fields)
    if event_ids is None:
        return None
    times_us = parse_timestamps([event.timestamp for event in fields])
    if None in times_us:
        times_us = [_other_time(event) if time is None else time for event, time in zip(fields, times_us, strict=True)]
    return event_ids, times_us


def _check_utf8(text: bytes) -> None:
    """Raises UnicodeDecodeError."""
    start = 0 if not text.isascii() else len(text)
    while start < len(text):
        # No longer character has a comma in it, so it may be cut there.
        comma = text.find(b",", start + _UTF8_PIECE_BYTES)
        end = len(text) if comma < 0 else comma
        piece = text[start:end]
        if not piece.isascii():
            piece.decode()
        start = end


def _are_plain(event_ids: list[str]) -> bool:
    """Whether each is short and begins with a visible ASCII character, which leaves nothing to find fault with."""
    lengths = set(map(len, event_ids))
    if len(lengths) == 1:
        firsts = "".join(event_ids)[:: max(1, *lengths)]
    else:
        firsts = "".join([event_id[:1] for event_id in event_ids])
    are_visible = firsts.isascii() and firsts.isprintable() and " " not in firsts
    return are_visible and 0 not in lengths and max(lengths) <= _SURELY_SHORT


def _has_nul_escape(text: bytes) -> bool:
    # Backslashes are rare, and a search for one is several times as fast as a search for six characters.
    place = -1
    for _ in range(_FEW_BACKSLASHES):
        place = text.find(_BACKSLASH, place + 1)
        if place < 0:
            return False
        if text.startswith(b"u0000", place + 1):
            return True
    return b"\\u0000" in text[place:]


def look_at_one(payload: bytes) -> tuple[str, int | None] | None:
    """Id and time of one event, or None where it needs the slow look."""
    try:
        fields = _decode(payload)
        if not payload.isascii():
            payload.decode()
    except _REFUSALS:
        return None
    if not _is_shallow(payload) or _has_nul_escape(payload):
        return None
    event_id = _first_id(fields)
    if event_id is None or id_fault(event_id) is not None:
        return None
    occurred_at_us = parse_timestamp(fields.timestamp)
    return event_id, _other_time(fields) if occurred_at_us is None else occurred_at_us


def _is_shallow(payload: bytes) -> bool:
    # The decoder takes more levels than we do.
    return len(payload) <= _SURELY_SHALLOW_BYTES or payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH


def _ids(fields: list[_Fields]) -> list[str] | None:
    """The first of the three names that an event uses; None where they do not all use the same, in the same type."""
    for column in (
        [event.id for event in fields],
        [event.eventId for event in fields],
        [event.event_id for event in fields],
    ):
        kinds = set(map(type, column))
        if kinds == {str}:
            return column  # type: ignore[return-value] # just looked at
        if kinds == {int}:
            texts = list(map(_integer_text, column))  # type: ignore[arg-type] # as above
            return None if None in texts else texts  # type: ignore[return-value] # as asked
        if kinds != {type(None)}:
            return None
    return None


def _first_id(fields: _Fields) -> str | None:
    for value in (fields.id, fields.eventId, fields.event_id):
        if isinstance(value, int):
            return _integer_text(value)
        if value is not None:
            return value
    return None


def _integer_text(value: int) -> str | None:
    # How long an integer Python turns into text is a setting of the host; the slow look keeps its digits.
    return str(value) if value.bit_length() <= _INT64_BITS else None


def _other_time(fields: _Fields) -> int | None:
    time = parse_timestamp(fields.occurredAt)
    return parse_timestamp(fields.occurred_at) if time is None else time
