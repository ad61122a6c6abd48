"""Rows on their way to COPY: all of them, in the order of their keys, whatever their kind."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.records.event import Event
from datasync_spider.storage.rows import HEADER, TRAILER, Rows, copy_stream, row_prefix

pytestmark = pytest.mark.usefixtures("each_way")

_EPOCH_US = 946_684_800_000_000
_EVENTS = st.lists(
    st.builds(
        Event,
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
        st.none() | st.integers(-(10**17), 2 * 10**17),
        st.binary(max_size=9),
    ),
    max_size=6,
    unique_by=lambda event: event.event_id,
)


_SLICES = st.none() | st.integers(-(2**63), 2**63 - 1)


def read_back(stream: bytes, slice_id: int | None = None) -> list[Event]:
    """The rows of a COPY stream, all of that slice, read as PostgreSQL's documentation of the format says."""
    assert stream.startswith(HEADER)
    position, events = len(HEADER), []
    while (columns := struct.unpack_from("!h", stream, position)[0]) != -1:
        assert columns == (3 if slice_id is None else 4)
        position += 2
        fields: list[bytes | None] = []
        for _ in range(columns):
            (length,) = struct.unpack_from("!i", stream, position)
            position += 4
            fields.append(None if length == -1 else stream[position : position + length])
            position += max(0, length)
        if slice_id is not None:
            number = fields.pop(0)
            assert number is not None
            assert struct.unpack("!q", number) == (slice_id,)
        key, time, payload = fields
        assert key is not None
        assert payload is not None
        assert payload[0] == 1
        time_us = None if time is None else struct.unpack("!q", time)[0] + _EPOCH_US
        events.append(Event(key.decode(), time_us, payload[1:]))
    assert stream[position:] == TRAILER
    return events


@settings(deadline=None)
@given(_EVENTS, st.integers(0, 6), _SLICES)
def test_every_row_is_in_the_stream_once_in_the_order_of_keys(
    events: list[Event], cut: int, slice_id: int | None
) -> None:
    stream = b"".join(copy_stream([Rows.of(events[:cut]), Rows.of(events[cut:])], row_prefix(slice_id)))
    assert read_back(stream, slice_id) == sorted(events, key=lambda event: event.event_id.encode())


@pytest.mark.parametrize("slice_id", [None, 7])
def test_many_rows_come_in_pieces_none_of_which_is_empty(slice_id: int | None) -> None:
    events = [Event(f"{number:05}", 5, b"{}") for number in range(2_500)]
    pieces = list(copy_stream([Rows.of(events)], row_prefix(slice_id)))
    assert len(pieces) == 5
    assert all(pieces)
    assert read_back(b"".join(pieces), slice_id) == events


def test_rows_are_a_sequence_of_events() -> None:
    events = [Event("a", None, b"1"), Event("b", 7, b"2")]
    rows = Rows.of(events)
    assert (list(rows), rows[1], list(rows[1:]), len(rows)) == (events, events[1], events[1:], 2)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_what_is_no_number_of_a_slice_is_an_error(number: int) -> None:
    with pytest.raises(struct.error):
        row_prefix(number)
