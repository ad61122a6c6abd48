"""Events as the bytes that COPY takes in its binary format.

Binary, because then nothing has to be escaped: an event's payload goes to the server as the very bytes that the API
sent. The format is PostgreSQL's documentation of COPY, "Binary Format"; ``timestamptz`` is microseconds since
2000-01-01 UTC, ``jsonb`` is a version byte before its text.

Invariant: the bytes are the rows. What else is asked of a row, which is rare, is read back from them, so that a payload
is in memory once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import repeat
from typing import overload

from datasync_spider.api.event import Event

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_POSTGRES_EPOCH_US = 946_684_800_000_000
_JSONB_VERSION = 1
_COLUMNS = 3
_TIME_BYTES = 8
_NULL = -1

_START = struct.Struct("!hi")
_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iqiB")
_NULL_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iiB")


class Rows(Sequence[Event]):
    """Rows of a page in COPY's format. As a sequence it gives them back as events, at the cost of reading them."""

    def __init__(self, event_ids: list[str], times_us: Sequence[int | None], payloads: Sequence[bytes]) -> None:
        self.event_ids = event_ids
        self.chunk = encode_rows(event_ids, times_us, payloads)

    @classmethod
    def of(cls, events: Sequence[Event]) -> Rows:
        return cls(
            [event.event_id for event in events],
            [event.occurred_at_us for event in events],
            [event.payload for event in events],
        )

    def __len__(self) -> int:
        return len(self.event_ids)

    def __iter__(self) -> Iterator[Event]:
        return _decode_rows(self.chunk)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        return list(self)[index]

    @cached_property
    def payload_by_id(self) -> dict[str, bytes]:
        """Made at the first look, which only a contradiction asks for."""
        return {event.event_id: event.payload for event in self}


def encode_rows(event_ids: Sequence[str], times_us: Sequence[int | None], payloads: Sequence[bytes]) -> bytes:
    """The tuples ``(event_id, occurred_at, payload)``, without header and trailer.

    Chunks may be joined; one HEADER before and one TRAILER after them make a COPY stream.
    """
    keys = [event_id.encode() for event_id in event_ids]
    lengths = set(map(len, keys))
    if len(lengths) == 1 and None not in times_us:
        heads = _alike_heads(keys, lengths.pop(), times_us, payloads)  # type: ignore[arg-type] # no None in it
    else:
        heads = map(_head, keys, times_us, map(len, payloads))
    parts: list[bytes] = [b""] * (2 * len(keys))
    parts[0::2] = heads
    parts[1::2] = payloads
    return b"".join(parts)


def _alike_heads(
    keys: list[bytes], key_bytes: int, times_us: Sequence[int], payloads: Sequence[bytes]
) -> Iterable[bytes]:
    """Of ids of one length, as UUIDs are: one format for all, and no step of the interpreter for a single row."""
    pack = struct.Struct(f"!hi{key_bytes}siqiB").pack
    times = [time_us - _POSTGRES_EPOCH_US for time_us in times_us]
    lengths = [len(payload) + 1 for payload in payloads]
    return map(
        pack, repeat(_COLUMNS), repeat(key_bytes), keys, repeat(_TIME_BYTES), times, lengths, repeat(_JSONB_VERSION)
    )


def _head(key: bytes, time_us: int | None, payload_bytes: int) -> bytes:
    if time_us is None:
        rest = _NULL_TIME_AND_PAYLOAD_LENGTH.pack(_NULL, payload_bytes + 1, _JSONB_VERSION)
    else:
        rest = _TIME_AND_PAYLOAD_LENGTH.pack(
            _TIME_BYTES, time_us - _POSTGRES_EPOCH_US, payload_bytes + 1, _JSONB_VERSION
        )
    return b"".join((_START.pack(_COLUMNS, len(key)), key, rest))


def _decode_rows(chunk: bytes) -> Iterator[Event]:
    position = 0
    while position < len(chunk):
        _, key_bytes = _START.unpack_from(chunk, position)
        position += _START.size
        event_id = chunk[position : position + key_bytes].decode()
        position += key_bytes
        time_us = None
        if chunk.startswith(b"\xff", position):
            _, length, _ = _NULL_TIME_AND_PAYLOAD_LENGTH.unpack_from(chunk, position)
            position += _NULL_TIME_AND_PAYLOAD_LENGTH.size
        else:
            _, time, length, _ = _TIME_AND_PAYLOAD_LENGTH.unpack_from(chunk, position)
            time_us = time + _POSTGRES_EPOCH_US
            position += _TIME_AND_PAYLOAD_LENGTH.size
        end = position + length - 1
        yield Event(event_id, time_us, chunk[position:end])
        position = end
