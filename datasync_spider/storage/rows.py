"""Events as the bytes that COPY takes in its binary format.

Binary, because then nothing has to be escaped: an event's payload goes to the server as the very bytes that the API
sent. The format is PostgreSQL's documentation of COPY, "Binary Format"; ``timestamptz`` is microseconds since
2000-01-01 UTC, ``jsonb`` is a version byte before its text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from datasync_spider.api.event import Event

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_POSTGRES_EPOCH_US = 946_684_800_000_000
_JSONB_VERSION = 1
_FIELDS_AND_ID_LENGTH = struct.Struct("!hi")
_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iqiB")
_NULL_TIME_AND_PAYLOAD_LENGTH = struct.Struct("!iiB")
_COLUMNS = 3


def encode_rows(events: Iterable[Event]) -> bytes:
    """The tuples ``(event_id, occurred_at, payload)`` of these events, without header and trailer.

    Chunks may be joined; one HEADER before and one TRAILER after them make a COPY stream.
    """
    parts: list[bytes] = []
    append = parts.append
    pack_start = _FIELDS_AND_ID_LENGTH.pack
    pack_time = _TIME_AND_PAYLOAD_LENGTH.pack
    for event in events:
        event_id = event.event_id.encode()
        payload = event.payload
        append(pack_start(_COLUMNS, len(event_id)))
        append(event_id)
        if event.occurred_at_us is None:
            append(_NULL_TIME_AND_PAYLOAD_LENGTH.pack(-1, len(payload) + 1, _JSONB_VERSION))
        else:
            append(pack_time(8, event.occurred_at_us - _POSTGRES_EPOCH_US, len(payload) + 1, _JSONB_VERSION))
        append(payload)
    return b"".join(parts)
