"""Every shape of a page that is known, and what is read from it."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.records.page import Page
from tests.support.sources import read_page
from tests.unit.records.pagetexts import LIVE, body, compact

pytestmark = pytest.mark.usefixtures("each_way")

EVENTS = [{"id": "a"}, {"id": "b"}]


def raws(page: Page) -> list[bytes]:
    return [bytes(raw) for raw in page.raw_events]


def test_the_live_shape_says_everything() -> None:
    page = read_page(LIVE)
    assert raws(page) == [b'{"id":"a"}', b'{"id":"b"}']
    assert (page.has_more, page.next_cursor) == (True, "eyJ")
    assert (page.total, page.request_id, page.cursor_expires_in_seconds) == (3000000, "a8b7309c", 116.0)


def test_the_flat_shape_says_where_to_go_on() -> None:
    page = read_page(compact({"data": EVENTS, "hasMore": True, "nextCursor": "c"}))
    assert (len(page.raw_events), page.has_more, page.next_cursor, page.total) == (2, True, "c", None)


@pytest.mark.parametrize(
    "rest",
    [
        {"pagination": {"hasMore": True, "nextCursor": "c"}},
        {"pagination": {"has_more": True, "next_cursor": "c"}},
        {"meta": {"has_more": True, "nextCursor": "c"}},
        {"pagination": None, "hasMore": True, "next_cursor": "c"},
        {"pagination": {"hasMore": True}, "nextCursor": "c"},
        {"pagination": {"hasMore": True, "nextCursor": "c"}, "hasMore": True, "next_cursor": "c"},
    ],
)
@pytest.mark.parametrize("name", ["data", "events"])
def test_both_spellings_work_in_every_place(name: str, rest: dict[str, Any]) -> None:
    page = read_page(compact({name: EVENTS, **rest}))
    assert (len(page.raw_events), page.has_more, page.next_cursor) == (2, True, "c")


def test_data_wins_over_events_where_both_are_arrays() -> None:
    assert raws(read_page(b'{"events":[1],"data":[2],"hasMore":false}')) == [b"2"]


@pytest.mark.parametrize("data", [b"null", b"{}", b'"x"', b"7"])
def test_events_stands_in_where_data_is_no_array(data: bytes) -> None:
    assert raws(read_page(b'{"data":' + data + b',"events":[1],"hasMore":false}')) == [b"1"]


def test_the_last_page_has_no_cursor() -> None:
    page = read_page(compact({"data": [], "pagination": {"hasMore": False, "nextCursor": None}}))
    assert (list(page.raw_events), page.has_more, page.next_cursor) == ([], False, None)


def test_has_more_false_wins_over_a_cursor_beside_it() -> None:
    page = read_page(compact({"data": [], "hasMore": False, "nextCursor": "back-to-the-head"}))
    assert (page.has_more, page.next_cursor) == (False, None)


def test_a_cursor_alone_says_that_there_is_more() -> None:
    page = read_page(compact({"data": EVENTS, "nextCursor": "c"}))
    assert (page.has_more, page.next_cursor) == (True, "c")


@pytest.mark.parametrize(
    ("written", "kept"), [(b"7", "7"), (b"12345678901234567890123", "12345678901234567890123"), (b'" a+/="', " a+/=")]
)
def test_a_cursor_is_kept_as_its_text(written: bytes, kept: str) -> None:
    assert read_page(body(b"", b'"hasMore":true,"nextCursor":' + written)).next_cursor == kept


def test_a_byte_order_mark_and_space_around_the_page_do_not_matter() -> None:
    page = read_page(b"\xef\xbb\xbf \r\n" + LIVE + b"\n")
    assert (raws(page), page.next_cursor) == ([b'{"id":"a"}', b'{"id":"b"}'], "eyJ")


def test_events_are_cut_out_without_the_space_around_them() -> None:
    assert raws(read_page(body(b' {"id" : "a"}\n,\t[ 1 ] , "x" '))) == [b'{"id" : "a"}', b"[ 1 ]", b'"x"']


@pytest.mark.parametrize(
    ("reported", "total"),
    [(0, 0), (7, 7), ("3000000", 3000000), (-1, None), (True, None), (2.5, None), ("many", None), (10**19, None)],
)
def test_a_total_that_is_no_count_is_unknown(reported: object, total: int | None) -> None:
    assert read_page(compact({"data": [], "hasMore": False, "meta": {"total": reported}})).total == total


@pytest.mark.parametrize(
    ("reported", "seconds"), [(116, 116.0), (0.5, 0.5), (0, 0.0), (-3, None), ("soon", None), (True, None)]
)
def test_a_cursor_life_that_is_no_time_is_unknown(reported: object, seconds: float | None) -> None:
    page = read_page(compact({"data": [], "hasMore": False, "cursor_expires_in": reported}))
    assert page.cursor_expires_in_seconds == seconds


@pytest.mark.parametrize("odd", ["", 7, "line\nbreak", "nul\0"])
def test_a_request_id_that_cannot_be_logged_is_left_out(odd: object) -> None:
    assert read_page(compact({"data": [], "hasMore": False, "meta": {"requestId": odd}})).request_id is None


def test_the_last_of_two_equal_names_counts() -> None:
    page = read_page(b'{"data":[1],"hasMore":true,"data":[2,3],"hasMore":false}')
    assert (raws(page), page.has_more) == ([b"2", b"3"], False)
