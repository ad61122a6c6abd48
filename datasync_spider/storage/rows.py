"""Events as the bytes that COPY takes in its binary format, in the order of their keys.

Binary, because then nothing has to be escaped: an event's payload goes to the server as the very bytes that the API
sent. The format is PostgreSQL's documentation of COPY, "Binary Format"; ``timestamptz`` is microseconds since
2000-01-01 UTC, ``jsonb`` is a version byte before its text.

In the order of keys, because a random key takes the server to a random page of the index: sorted batches cost it a
quarter less (docs/decisions/0011). Nothing depends on that order but speed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from operator import add
from typing import overload

from datasync_spider.api.event import Event

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_POSTGRES_EPOCH_US = 946_684_800_000_000
_JSONB_VERSION = 1
_COLUMNS = 3
_TIME_BYTES = 8
_NULL = -1
# Rows that are sent together: some hundred kilobytes, so that a batch is never in memory a second time.
_PIECE_ROWS = 1_000

_START = struct.Struct("!hi")
_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iqiB")
_NULL_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iiB")


class Rows(Sequence[Event]):
    """Rows, each encoded by itself. As a sequence it gives them back as events, at the cost of reading them."""

    __slots__ = ("encoded", "event_ids")

    def __init__(self, event_ids: list[str], encoded: list[bytes]) -> None:
        self.event_ids = event_ids
        self.encoded = encoded

    @classmethod
    def of_columns(cls, event_ids: list[str], times_us: list[int | None], payloads: list[bytes]) -> Rows:
        return cls(event_ids, list(map(add, _heads(event_ids, times_us, payloads), payloads)))

    @classmethod
    def of(cls, events: Sequence[Event]) -> Rows:
        return cls.of_columns(
            [event.event_id for event in events],
            [event.occurred_at_us for event in events],
            [event.payload for event in events],
        )

    def __len__(self) -> int:
        return len(self.event_ids)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Event | Rows:
        if isinstance(index, slice):
            return Rows(self.event_ids[index], self.encoded[index])
        return _decode(self.event_ids[index], self.encoded[index])

    def only(self, picks: Sequence[bool]) -> Rows:
        """Those rows whose pick is true, in the same order."""
        return Rows(list(compress(self.event_ids, picks)), list(compress(self.encoded, picks)))


def copy_stream(parts: Iterable[Rows]) -> Iterator[bytes]:
    """All of these rows, sorted, as the pieces of one COPY stream; never an empty piece."""
    # A row begins with its key, behind what is the same in all of them and the key's length.
    encoded = sorted(chain.from_iterable(part.encoded for part in parts))
    yield HEADER
    for start in range(0, len(encoded), _PIECE_ROWS):
        yield b"".join(encoded[start : start + _PIECE_ROWS])
    yield TRAILER


def _heads(event_ids: list[str], times_us: list[int | None], payloads: list[bytes]) -> Iterable[bytes]:
    """All of a row but its payload's bytes."""
    keys = [event_id.encode() for event_id in event_ids]
    lengths = set(map(len, keys))
    if len(lengths) == 1 and None not in times_us:
        return _alike_heads(keys, lengths.pop(), times_us, payloads)  # type: ignore[arg-type] # no None in it
    return map(_head, keys, times_us, map(len, payloads))


def _alike_heads(keys: list[bytes], key_bytes: int, times_us: list[int], payloads: list[bytes]) -> Iterable[bytes]:
    """Of ids of one length, as UUIDs are: one format for all, and no step of the interpreter for a single row."""
    pack = struct.Struct(f"!hi{key_bytes}siqiB").pack
    times = [time_us - _POSTGRES_EPOCH_US for time_us in times_us]
    lengths = [len(payload) + 1 for payload in payloads]
    return map(
        pack, repeat(_COLUMNS), repeat(key_bytes), keys, repeat(_TIME_BYTES), times, lengths, repeat(_JSONB_VERSION)
    )


def _head(key: bytes, time_us: int | None, payload_bytes: int) -> bytes:
    start = _START.pack(_COLUMNS, len(key))
    if time_us is None:
        return start + key + _NULL_TIME_AND_PAYLOAD_LENGTH.pack(_NULL, payload_bytes + 1, _JSONB_VERSION)
    time = time_us - _POSTGRES_EPOCH_US
    return start + key + _TIME_AND_PAYLOAD_LENGTH.pack(_TIME_BYTES, time, payload_bytes + 1, _JSONB_VERSION)


def _decode(event_id: str, row: bytes) -> Event:
    _, key_bytes = _START.unpack_from(row)
    position = _START.size + key_bytes
    if row.startswith(b"\xff", position):
        return Event(event_id, None, row[position + _NULL_TIME_AND_PAYLOAD_LENGTH.size :])
    time_us = _TIME_AND_PAYLOAD_LENGTH.unpack_from(row, position)[1] + _POSTGRES_EPOCH_US
    return Event(event_id, time_us, row[position + _TIME_AND_PAYLOAD_LENGTH.size :])
