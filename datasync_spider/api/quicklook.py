"""The quick look at events, by the fast decoder: at all of a page together, or at one. What it cannot judge it leaves.

Invariant: what is accepted here, :mod:`datasync_spider.api.scrutiny` would accept too, and read the same from it. A
doubt is never settled here: the answer is None, and somebody looks more slowly.

The look at all of them costs a third of as many looks at one: each step is one call for a whole column.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse
from typing import Any, TypeAlias

import msgspec

from datasync_spider.api.eventid import MAX_ID_BYTES, id_fault
from datasync_spider.api.grammar import MAX_DEPTH
from datasync_spider.api.timestamp import parse_timestamp, parse_timestamps

_BACKSLASH = b"\\"[0]  # as a number: that search is one memchr
_SURELY_SHORT = MAX_ID_BYTES // 4  # UTF-8 takes at most four bytes for a character
_SURELY_SHALLOW_BYTES = 2 * MAX_DEPTH  # each level takes two brackets
_INT64_BITS = 63
_REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Columns: TypeAlias = tuple[list[str], list[int | None]]
"""Ids, and times in microseconds since 1970-01-01 UTC; the events' order."""


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


def look_at_all(payloads: Sequence[bytes]) -> Columns | None:
    """Ids and times of all events, or None where one of them, or their ids taken together, needs a closer look."""
    if not payloads:
        return [], []
    text = _array(payloads)
    if _BACKSLASH in text and _has_nul_escape(text):
        return None
    if max(map(len, payloads)) > _SURELY_SHALLOW_BYTES and not all(map(_is_shallow, payloads)):
        return None
    try:
        fields = _decode_all(text)
        # The decoder does not check the UTF-8 of what it skips.
        for payload in filterfalse(bytes.isascii, payloads):
            payload.decode()
    except _REFUSALS:
        return None
    event_ids = _ids(fields) if len(fields) == len(payloads) else None
    if event_ids is None:
        return None
    # Nearly every id is short and begins with a visible ASCII character, which leaves nothing to find fault with.
    if not (min(event_ids) >= "!" and max(event_ids) < "\x7f" and max(map(len, event_ids)) <= _SURELY_SHORT):
        return None
    times_us = parse_timestamps([event.timestamp for event in fields])
    if None in times_us:
        times_us = [_other_time(event) if time is None else time for event, time in zip(fields, times_us, strict=True)]
    return event_ids, times_us


def _array(payloads: Sequence[bytes]) -> bytes:
    """A JSON value each, so that between brackets and commas they are a JSON array."""
    parts = list(payloads)
    parts[0] = b"[" + parts[0]
    parts[-1] += b"]"
    return b",".join(parts)


def _has_nul_escape(text: bytes) -> bool:
    # Needles of up to five bytes are found several times as fast as longer ones.
    return b"\\u000" in text and b"\\u0000" in text


def look_at_one(payload: bytes) -> tuple[str, int | None] | None:
    """Id and time of one event, or None where it needs the slow look."""
    try:
        fields = _decode(payload)
        if not payload.isascii():
            payload.decode()
    except _REFUSALS:
        return None
    if not _is_shallow(payload) or (_BACKSLASH in payload and _has_nul_escape(payload)):
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
            texts = list(map(_integer_text, column))  # type: ignore[arg-type]
            return None if None in texts else texts  # type: ignore[return-value]
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
