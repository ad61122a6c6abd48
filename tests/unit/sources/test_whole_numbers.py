"""Counts are whole numbers however they are written; what is none is not taken for one, and nothing crashes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.page import Page
from datasync_spider.sources.paths import exact_number, whole_number
from tests.support.sources import READ_WAYS, read_page
from tests.unit.records.pagetexts import body, compact

THIRTY = [b"30", b"30.0", b"3e1", b"3E+1", b"300e-1", b'"30"', b'"30.0"', b'"3e1"', b'" 30 "', b'"030"']
NO_COUNT = [
    *(b'"thirty"', b'"30 events"', b'"1,000"', b'""', b'"0x1e"', b'"NaN"', b'"Infinity"', b'"\\uff13\\uff10"'),
    *(b"-1", b"-1.0", b'"-1"', b"30.5", b'"30.5"', b"1e-400", b"1e400", b"-1e400", b"1e99999999999999999999"),
    *(b'"1e400"', b'"1e99999999999999999999"', b"9223372036854775808", b"9.223372036854775808e18", b"true", b"false"),
    *(b"[30]", b"[]", b"{}", b'{"value":30.5}', b'"' + b"3" * 5_000 + b'"', b"3" * 4_000),
]
PLACES = [b'"hasMore":false,%b', b'"pagination":{"hasMore":false,%b}', b'"has_more":false,"meta":{%b}']


def page_with(place: bytes, member: bytes, events: int = 0) -> bytes:
    return body(b",".join([b'{"id":"a"}'] * events), place % member)


@pytest.mark.parametrize("written", THIRTY)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("read", READ_WAYS)
def test_a_total_is_read_however_it_is_written(read: Callable[[bytes], Page], place: bytes, written: bytes) -> None:
    page = read(page_with(place, b'"total":' + written))
    assert (page.total, page.unreadable_total) == (30, None)


@pytest.mark.parametrize("zero", [b"0", b"0.0", b"-0", b"-0.0", b"0e5", b'"0"', b'"-0.0"'])
@pytest.mark.parametrize("read", READ_WAYS)
def test_zero_is_a_total(read: Callable[[bytes], Page], zero: bytes) -> None:
    assert read(page_with(PLACES[0], b'"total":' + zero)).total == 0


@pytest.mark.parametrize("written", NO_COUNT)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("read", READ_WAYS)
def test_a_total_that_is_no_count_is_unknown_and_reported(
    read: Callable[[bytes], Page], place: bytes, written: bytes
) -> None:
    page = read(page_with(place, b'"total":' + written))
    assert page.total is None
    assert page.unreadable_total is not None
    assert 0 < len(page.unreadable_total) <= 80
    assert page.unreadable_total.isprintable()


def test_a_total_that_is_not_given_is_not_reported_as_unreadable() -> None:
    for rest in (b'"hasMore":false', b'"hasMore":false,"total":null', b'"hasMore":false,"meta":{"total":null}'):
        page = read_page(body(b"", rest))
        assert (page.total, page.unreadable_total) == (None, None)


def test_the_largest_count_is_readable() -> None:
    for written in (b"9223372036854775807", b"9223372036854775807.0", b'"9.223372036854775807e18"'):
        assert read_page(page_with(PLACES[0], b'"total":' + written)).total == 2**63 - 1


@pytest.mark.parametrize(
    ("pagination", "meta", "flat", "total"),
    [(20, 30, None, 30), (30, 20, None, 30), (20, None, 30.0, 30), ("30", 20, 10, 30), (-1, 20, "many", 20)],
)
def test_where_places_disagree_the_largest_total_counts(pagination: Any, meta: Any, flat: Any, total: int) -> None:
    text = compact(
        {"data": [], "hasMore": False, "total": flat, "pagination": {"total": pagination}, "meta": {"total": meta}}
    )
    for read in READ_WAYS:
        page = read(text)
        assert (page.total, page.unreadable_total) == (total, None)


@pytest.mark.parametrize("written", [b"2", b"2.0", b"2e0", b"0.2e1", b'"2"', b'"2.0"', b'" 2 "'])
@pytest.mark.parametrize("read", READ_WAYS)
def test_what_was_returned_is_compared_however_it_is_written(read: Callable[[bytes], Page], written: bytes) -> None:
    for place in PLACES:
        member = b'"returned":' + written
        assert len(read(page_with(place, member, events=2)).raw_events) == 2
        for events in (0, 1, 3):
            with pytest.raises(PageUnreadable, match="returned_mismatch"):
                read(page_with(place, member, events))


@pytest.mark.parametrize("read", READ_WAYS)
def test_two_numbers_of_returned_events_fit_no_page(read: Callable[[bytes], Page]) -> None:
    rest = {"hasMore": False, "returned": 2, "meta": {"returned": 2.0}, "pagination": {"returned": "3"}}
    with pytest.raises(PageUnreadable, match="returned_mismatch: places of the page say 2 and 3 events"):
        read(compact({"data": [1, 2], **rest}))
    rest["pagination"] = {"returned": "2"}
    assert len(read(compact({"data": [1, 2], **rest})).raw_events) == 2


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *((b"116", 116.0), (b"116.5", 116.5), (b"1.16e2", 116.0), (b'"116"', 116.0), (b"0.0", 0.0), (b"1e-400", 0.0)),
        *((b"1e400", None), (b"1e99999999999999999999", None), (b"-1.5", None), (b'"soon"', None), (b"true", None)),
    ],
)
@pytest.mark.parametrize("read", READ_WAYS)
def test_a_cursors_life_is_read_however_it_is_written(
    read: Callable[[bytes], Page], written: bytes, seconds: float | None
) -> None:
    page = read(body(b"", b'"hasMore":true,"nextCursor":"c","cursorExpiresIn":' + written))
    assert page.cursor_expires_in_seconds == seconds


@pytest.mark.parametrize("note", [b"1e400", b"-1e99999999999999999999", b"0.1e-5000", b"1e+3"])
def test_an_odd_number_anywhere_around_the_events_costs_no_page(note: bytes) -> None:
    for read in READ_WAYS:
        page = read(body(b'{"id":"a"}', b'"hasMore":false,"meta":{"total":1,"took":' + note + b'},"x":[' + note + b"]"))
        assert (len(page.raw_events), page.total) == (1, 1)


@pytest.mark.parametrize(
    "written",
    [b"1769541612369", b"1769541612369.0", b"1.769541612369e12", b"1769541612369000e-3", b'"1.769541612369E+12"'],
)
@pytest.mark.parametrize("name", [b"timestamp", b"occurredAt", b"occurred_at"])
def test_a_time_with_an_exponent_or_a_fraction_is_exact_in_every_reading(name: bytes, written: bytes) -> None:
    event = b'{"id":"a","' + name + b'":' + written + b"}"
    for others in (b"", b',{"id":"b"}', b',{"id":"\\ud800"}', b',{"id":true}'):
        for read in READ_WAYS:
            parsed = read(body(event + others)).parse()
            assert (parsed.event_ids[0], parsed.times_us[0]) == ("a", 1_769_541_612_369_000)


@pytest.mark.parametrize("written", [b"1.0", b"1e3", b"-0.0", b"1e400"])
def test_an_id_with_a_fraction_or_an_exponent_is_rejected_in_every_reading(written: bytes) -> None:
    for read in READ_WAYS:
        parsed = read(body(b'{"id":' + written + b"}")).parse()
        assert [event.reason for event in parsed.rejected] == ["id_wrong_type"]


def test_a_cursor_that_is_no_whole_number_stays_no_cursor() -> None:
    for written in (b"1.5", b"7.0", b"7e0", b"1e400"):
        for read in READ_WAYS:
            with pytest.raises(PageUnreadable, match=r"cursor_wrong_type: the next cursor is [0-9]"):
                read(body(b"", b'"hasMore":true,"nextCursor":' + written))


@given(st.integers(-(10**27), 10**27), st.integers(0, 12))
def test_a_whole_number_is_read_exactly_in_every_notation(number: int, shift: int) -> None:
    scaled = Decimal(number).scaleb(-shift)
    for text in (f"{number}", f"{number}.000", f"{scaled:f}e{shift}", f" {number}e0\n"):
        assert whole_number(text) == number
        assert whole_number(exact_number(text.strip())) == number


@given(st.floats() | st.decimals() | st.text(max_size=10) | st.none() | st.booleans() | st.lists(st.integers()))
def test_whatever_is_given_nothing_raises_and_what_comes_out_is_equal(value: Any) -> None:
    number = whole_number(value)
    assert number is None or isinstance(value, str) or number == value


@pytest.mark.parametrize(
    "text", ["1e999999999", "-1e999999999", "1e-999999999", "0e999999999", "9" * 101, "1" + "0" * 40]
)
def test_numbers_of_astronomical_size_take_no_time(text: str) -> None:
    assert whole_number(text) in {None, 0}
    assert whole_number(exact_number(text)) in {None, 0}
