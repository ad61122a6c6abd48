"""Events as the bytes that COPY takes in its binary format, in the order of their keys.

Binary, because then nothing has to be escaped: an event's payload goes to the server as the very bytes that the API
sent. The format is PostgreSQL's documentation of COPY, "Binary Format"; ``timestamptz`` is microseconds since
2000-01-01 UTC, ``jsonb`` is a version byte before its text.

A row holds what is its own: id, time and payload. The number of columns, and the slice's number where the stream has
slices, are the same in all rows of a COPY and are put before each as it is sent (:func:`row_prefix`). So nothing that
keeps, sorts or picks rows knows of slices, and a slice's number costs a row no more than its bytes.

In the order of keys, because a random key takes the server to a random page of the index: sorted batches cost it a
quarter less (docs/decisions/0011). Nothing depends on that order but speed.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, overload

from datasync_spider import failpoints
from datasync_spider.records import compiled
from datasync_spider.records.event import Event
from datasync_spider.records.fastpath import Payload
from datasync_spider.storage.encoded import EncodedRows

Encoded: TypeAlias = "compiled.Rows | EncodedRows"

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

POSTGRES_EPOCH_US = 946_684_800_000_000
_JSONB_VERSION = 1
_TIME_BYTES = 8
_TIME_LENGTH = struct.pack("!i", _TIME_BYTES)
_NULL = -1
# Rows that are sent together: some hundred kilobytes, so that a batch is never in memory a second time.
_PIECE_ROWS = 1_000

_PLAIN_PREFIX = struct.pack("!h", 3)
_SLICED_PREFIX = struct.Struct("!hiq")
_BIGINT_BYTES = 8
_LENGTH = struct.Struct("!i")
_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iqiB")
_NULL_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iiB")


class Rows(Sequence[Event]):
    """Rows as they are encoded. As a sequence it gives them back as events, at the cost of reading them."""

    __slots__ = ("encoded",)

    def __init__(self, encoded: Encoded) -> None:
        self.encoded = encoded

    @classmethod
    def of_plain(cls, events: compiled.Events) -> Rows:
        """Of events that a page has as they came, none of which needs the fallback."""
        return cls(events.rows())

    @classmethod
    def of_columns(cls, event_ids: list[str], times_us: list[int | None], payloads: Sequence[Payload]) -> Rows:
        if compiled.IS_COMPILED:
            return cls(compiled.listed(compiled.encode_rows(event_ids, times_us, payloads)))
        return cls(EncodedRows(event_ids, encode_rows(event_ids, times_us, payloads)))

    @classmethod
    def of(cls, events: Sequence[Event]) -> Rows:
        return cls.of_columns(
            [event.event_id for event in events],
            [event.occurred_at_us for event in events],
            [event.payload for event in events],
        )

    @classmethod
    def joined(cls, parts: Iterable[Rows]) -> Rows:
        """All of these, one behind the other; nothing of them is copied."""
        encoded: list[Any] = [part.encoded for part in parts]
        return cls(compiled.join(encoded) if compiled.IS_COMPILED else EncodedRows.join(encoded))

    @property
    def event_ids(self) -> list[str]:
        """Made anew at each look."""
        return self.encoded.event_ids()

    def __len__(self) -> int:
        return len(self.encoded)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Event | Rows:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("rows are cut into neighbours only")
            return Rows(self.encoded.part(start, max(start, stop)))
        return _decode(self.encoded[index])

    def only(self, picks: list[bool]) -> Rows:
        """Those rows whose pick is true, in the same order."""
        return Rows(self.encoded.only(picks))


def row_prefix(slice_id: int | None) -> bytes:
    """What stands before each row: the number of columns, and ``slice_id`` as the first of them unless it is None."""
    return _PLAIN_PREFIX if slice_id is None else _SLICED_PREFIX.pack(4, _BIGINT_BYTES, slice_id)


def copy_stream(parts: Iterable[Rows], prefix: bytes) -> Iterator[bytes]:
    """All of these rows, in the order of their ids, as the pieces of one COPY stream; never an empty piece.

    ``prefix``: what :func:`row_prefix` gives.
    """
    rows = Rows.joined(parts).encoded.in_order()
    yield HEADER
    for start in range(0, len(rows), _PIECE_ROWS):
        yield rows.piece(start, start + _PIECE_ROWS, prefix)
    yield TRAILER


class CopyStream(io.BytesIO):
    """The bytes of one COPY of all these rows, sorted. ``slice_id`` is their first column, unless it is None."""

    def __init__(self, parts: Iterable[Rows], slice_id: int | None = None) -> None:
        super().__init__()
        self._pieces = copy_stream(parts, row_prefix(slice_id))
        self._reads = 0

    def read(self, _: int | None = -1, /) -> bytes:
        """The next piece, however long; empty at the end."""
        self._reads += 1
        # libpq sends a piece when the next one is handed to it: only now the first rows are with the server.
        if self._reads == 4:
            failpoints.reach("mid_copy")
        return next(self._pieces, b"")


def encode_rows(event_ids: list[str], times_us: list[int | None], payloads: Sequence[Payload]) -> list[bytes]:
    """Each as a row, where no one could compile it."""
    lengths = set(map(len, event_ids))
    if len(lengths) == 1 and "".join(event_ids).isascii():
        try:
            return _encode_alike(event_ids, lengths.pop(), times_us, payloads)  # type: ignore[arg-type] # TypeError
        except TypeError:
            pass
    return [_encode_one(*columns) for columns in zip(event_ids, times_us, payloads, strict=True)]


def _encode_alike(
    event_ids: list[str], key_bytes: int, times_us: list[int], payloads: Sequence[Payload]
) -> list[bytes]:
    """Of ids of one length, as UUIDs are: one format for all. Raises TypeError where a time is None."""
    key_length = _LENGTH.pack(key_bytes)
    pack = struct.Struct(f"!{_LENGTH.size}s{key_bytes}s{len(_TIME_LENGTH)}sqiB").pack
    return [
        pack(
            key_length,
            event_id.encode(),
            _TIME_LENGTH,
            time_us - POSTGRES_EPOCH_US,
            len(payload) + 1,
            _JSONB_VERSION,
        )
        + payload
        for event_id, time_us, payload in zip(event_ids, times_us, payloads, strict=True)
    ]


def _encode_one(event_id: str, time_us: int | None, payload: Payload) -> bytes:
    key = event_id.encode()
    start = _LENGTH.pack(len(key)) + key
    if time_us is None:
        return start + _NULL_TIME_AND_PAYLOAD_LENGTH.pack(_NULL, len(payload) + 1, _JSONB_VERSION) + payload
    time = time_us - POSTGRES_EPOCH_US
    return start + _TIME_AND_PAYLOAD_LENGTH.pack(_TIME_BYTES, time, len(payload) + 1, _JSONB_VERSION) + payload


def _decode(row: bytes) -> Event:
    (key_bytes,) = _LENGTH.unpack_from(row)
    position = _LENGTH.size + key_bytes
    event_id = row[_LENGTH.size : position].decode()
    if row.startswith(b"\xff", position):
        return Event(event_id, None, row[position + _NULL_TIME_AND_PAYLOAD_LENGTH.size :])
    time_us = _TIME_AND_PAYLOAD_LENGTH.unpack_from(row, position)[1] + POSTGRES_EPOCH_US
    return Event(event_id, time_us, row[position + _TIME_AND_PAYLOAD_LENGTH.size :])
