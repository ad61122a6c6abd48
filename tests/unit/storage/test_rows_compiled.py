"""The compiled writing of rows against the one in Python: the same bytes, and an error wherever that has one."""

from __future__ import annotations

import gc
import struct
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records import compiled
from datasync_spider.records.fastpath import Payload
from datasync_spider.storage.rows import POSTGRES_EPOCH_US, Rows, encode_rows
from tests.support.compiling import needs_compiled
from tests.support.leaks import left_behind_bytes
from tests.support.scanning import split
from tests.unit.records.pagetexts import body

pytestmark = needs_compiled

_KINDS: list[Any] = [bytes, bytearray, memoryview, msgspec.Raw, lambda raw: memoryview(b"xx" + raw + b"y")[2:-1]]
_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.just("56a349b5") | st.just("x" * 1000)
_times = st.none() | st.integers(-(2**63) + POSTGRES_EPOCH_US, 2**63 - 1) | st.sampled_from([0, -1, POSTGRES_EPOCH_US])
_rows = st.lists(st.tuples(_ids, _times, st.binary(max_size=9), st.sampled_from(_KINDS)), max_size=5)


@given(_rows)
def test_rows_are_the_same_bytes_to_the_last(rows: list[tuple[str, int | None, bytes, Any]]) -> None:
    event_ids, times_us = [row[0] for row in rows], [row[1] for row in rows]
    payloads = [kind(raw) for _, _, raw, kind in rows]
    assert compiled.encode_rows(event_ids, times_us, payloads) == encode_rows(event_ids, times_us, payloads)


@given(st.lists(st.tuples(_times, st.binary(max_size=3)), max_size=4))
def test_rows_of_ids_of_one_length_are_the_same_bytes_too(rows: list[tuple[int | None, bytes]]) -> None:
    event_ids = [f"{number:04}" for number in range(len(rows))]
    columns = event_ids, [row[0] for row in rows], [row[1] for row in rows]
    assert compiled.encode_rows(*columns) == encode_rows(*columns)


def test_events_of_a_page_are_the_same_rows_as_their_bytes() -> None:
    texts = ['{"id":"a","timestamp":1769541612369}', ' {"id":"a☃"}\n', '{"id":"c","x":[1,"]"]}', '{"id":7}']
    found = split(body(",".join(texts).encode()))
    assert found is not None
    events = found[0]
    event_ids, times_us, fallbacks = events.columns()
    assert fallbacks == 0
    named: Any = event_ids
    payloads = [text.strip().encode() for text in texts]
    assert compiled.encode_rows(named, times_us, events) == encode_rows(named, times_us, payloads)
    rows = Rows.of_columns(named, times_us, events)
    assert [row.payload for row in rows] == payloads


def page_of(count: int) -> Any:
    found = split(body(b",".join([b'{"id":"a"}'] * count)))
    assert found is not None
    return found[0]


class Lying:
    """Says that it is a number."""

    def __index__(self) -> int:
        return 7


TOO_MANY: Any = ["a"], [None], [b"1", b"2"]


def errors() -> list[tuple[Any, type[Exception]]]:
    """Columns that are no rows. Made when they are asked for, since without the module there are no events."""
    return [
        (TOO_MANY, ValueError),
        ((["a", "b"], [None], [b"1", b"2"]), ValueError),
        ((["a"], [None, 1], [b"1"]), ValueError),
        ((["a"], [], [b"1"]), ValueError),
        ((["a"], [1], page_of(2)), ValueError),
        ((["a"], [1], page_of(0)), ValueError),
        (([], [], page_of(1)), ValueError),
        ((["a", 7], [1, 1], [b"1", b"2"]), TypeError),
        ((["a", b"b"], [1, 1], [b"1", b"2"]), TypeError),
        ((["a", None], [1, 1], page_of(2)), TypeError),
        ((["a", "\ud800"], [1, 1], [b"1", b"2"]), UnicodeEncodeError),
        ((["a", "b\udfff"], [1, 1], page_of(2)), UnicodeEncodeError),
        ((["a", "b"], [1, 2**63], [b"1", b"2"]), OverflowError),
        ((["a", "b"], [1, -(2**63) - 1], [b"1", b"2"]), OverflowError),
        ((["a", "b"], [1, -(2**63) + POSTGRES_EPOCH_US - 1], [b"1", b"2"]), OverflowError),
        ((["a", "b"], [1, -(2**63)], page_of(2)), OverflowError),
        ((["a", "b"], [1, 10**30], page_of(2)), OverflowError),
        ((["a", "b"], [1, "1"], [b"1", b"2"]), TypeError),
        ((["a", "b"], [1, 1.5], [b"1", b"2"]), TypeError),
        ((["a", "b"], [1, Lying()], [b"1", b"2"]), TypeError),
        ((["a", "b"], [1, 1], [b"1", "2"]), TypeError),
        ((["a", "b"], [1, 1], [b"1", None]), TypeError),
        ((["a", "b"], [1, 1], [b"1", memoryview(b"1234")[::2]]), BufferError),
        ((("a",), [1], [b"1"]), TypeError),
        ((["a"], (1,), [b"1"]), TypeError),
        ((["a"], [1], (b"1",)), TypeError),
        ((["a"], [1], b"1"), TypeError),
        ((["a"], [1]), TypeError),
        ((), TypeError),
    ]


def test_what_is_no_row_is_an_error() -> None:
    for columns, error in errors():
        with pytest.raises(error):
            compiled.encode_rows(*columns)


@pytest.mark.parametrize(
    "columns",
    [
        *([TOO_MANY, (["a", "b"], [None], [b"1", b"2"]), (["a"], [1, None], [b"1"]), (["a", "é"], [1, 2], [b"1"])]),
        *([(["a"], [-(2**63)], [b"1"]), (["a"], [2**64], [b"1"]), (["\ud800"], [1], [b"1"]), (["a"], [1], ["1"])]),
    ],
)
def test_what_is_no_row_is_an_error_in_python_too(columns: Any) -> None:
    # Which one it is makes no difference to anyone.
    with pytest.raises((ValueError, TypeError, struct.error)):
        encode_rows(*columns)


def test_a_row_from_before_all_time_is_not_written_as_one_far_in_the_future() -> None:
    first = -(2**63) + POSTGRES_EPOCH_US
    assert compiled.encode_rows(["a"], [first], [b""]) == encode_rows(["a"], [first], [b""])
    with pytest.raises(OverflowError, match="before all"):
        compiled.encode_rows(["a"], [first - 1], [b""])


def test_rows_that_fail_and_rows_that_do_not_leave_nothing_behind() -> None:
    page, every = page_of(2), errors()

    def often() -> None:
        for _ in range(300):
            compiled.encode_rows(["a", "é"], [None, 2**60], [b"1", bytearray(b"2")])
            compiled.encode_rows(["a", "é"], [None, 2**60], page)
            for columns, error in every:
                with pytest.raises(error):
                    compiled.encode_rows(*columns)

    parts = [
        type(page),
        *(part for columns, _ in every for column in columns for part in [column, *column] if part is not None),
    ]
    often()
    gc.collect()
    # What the interpreter keeps one of for everybody, as small numbers, is counted for everybody too.
    parts = [part for part in parts if sys.getrefcount(part) < 100_000_000]
    before = list(map(sys.getrefcount, parts))
    assert left_behind_bytes(often) < 20_000
    assert list(map(sys.getrefcount, parts)) == before


def test_rows_hold_on_to_nothing_that_they_were_made_of() -> None:
    event_ids = [f"id-{number}" for number in range(50)]
    times_us: list[int | None] = [10**15 + number for number in range(50)]
    payloads: list[Payload] = [b'{"number":%d}' % number for number in range(50)]
    parts = [*event_ids, *times_us, *payloads]
    before = list(map(sys.getrefcount, parts))
    rows = [compiled.encode_rows(event_ids, times_us, payloads) for _ in range(100)]
    assert len({row for some in rows for row in some}) == 50
    assert list(map(sys.getrefcount, parts)) == before
    writable = bytearray(b"{}")
    compiled.encode_rows(["a"], [None], [writable])
    writable.append(7)  # what is still looked into cannot grow
