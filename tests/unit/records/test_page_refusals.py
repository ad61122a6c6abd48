"""What is no page, and the slug that says why."""

from __future__ import annotations

import pytest

from datasync_spider.errors import PageContradiction, PageUnreadable
from tests.support.sources import read_page
from tests.unit.records.pagetexts import body

pytestmark = pytest.mark.usefixtures("each_way")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty_body"),
        (b" \r\n\t", "empty_body"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b"<html><body>502 Bad Gateway</body></html>", "not_json"),
        (b"upstream connect error", "not_json"),
        (b"{'data':[]}", "not_json"),
        (b"nul", "not_json"),
        (b"\xff\xfe{\0}\0", "not_json"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'[{"id":"a"}]', "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"-1.5e3", "not_an_object"),
        (b" true ", "not_an_object"),
        (b"{", "truncated_json"),
        (b'{"data"', "truncated_json"),
        (b'{"data":[{"id":"a"},{"id":', "truncated_json"),
        (b'{"data":[],"hasMore":tru', "truncated_json"),
        (b'{"data":[],"hasMore":true,"nextCursor":"c"', "truncated_json"),
        (b'{"data":[1 2],"hasMore":false}', "not_json"),
        (b'{"data":[1,],"hasMore":false}', "not_json"),
        (b'{"data":[,1],"hasMore":false}', "not_json"),
        (b'{"data":[1]],"hasMore":false}', "not_json"),
        (b'{"data":[{"a":[}],"hasMore":false}', "not_json"),
        (b'{"data":[]"hasMore":false}', "not_json"),
        (b'{"data" [],"hasMore":false}', "not_json"),
        (b'{data:[],"hasMore":false}', "not_json"),
        (b'{"data":[],"hasMore":false,}', "not_json"),
        (b'{"data":[],"hasMore":nope}', "not_json"),
        (b'{"data":[],"hasMore":false}{}', "not_json"),
        (b'{"data":[],"hasMore":false}\0', "not_json"),
        (b'{"data":[],"hasMore":false,"note":"\\ud800"}', "not_json"),
        (b'{"data":[],"hasMore":true,"nextCursor":"\xff"}', "not_json"),
        (b"{}", "no_data_array"),
        (b'{"hasMore":false}', "no_data_array"),
        (b'{"data":null,"hasMore":false}', "no_data_array"),
        (b'{"data":{"id":"a"},"hasMore":false}', "no_data_array"),
        (b'{"error":"Internal","message":"later"}', "error_in_page"),
        (b'{"message":"later"}', "no_data_array"),
        (b'{"data":[1],"hasMore":false,"meta":{"returned":2}}', "returned_mismatch"),
        (b'{"data":[1],"hasMore":false,"meta":{"returned":"0"}}', "returned_mismatch"),
        (b'{"data":[],"hasMore":"no"}', "has_more_wrong_type"),
        (b'{"data":[],"hasMore":2}', "has_more_wrong_type"),
        (b'{"data":[],"hasMore":true,"nextCursor":{"c":1}}', "cursor_wrong_type"),
        (b'{"data":[],"hasMore":true,"nextCursor":1.5}', "cursor_wrong_type"),
        (b'{"data":[],"hasMore":true,"nextCursor":true}', "cursor_wrong_type"),
        (b'{"data":[],"hasMore":true,"nextCursor":0.0}', "cursor_wrong_type"),
        (b'{"data":[],"hasMore":true,"nextCursor":"a\\u0000b"}', "cursor_nul"),
    ],
)
def test_a_body_that_is_no_page_is_unreadable(text: bytes, reason: str) -> None:
    with pytest.raises(PageUnreadable) as caught:
        read_page(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (b'"hasMore":true', "has_more_without_cursor"),
        (b'"hasMore":true,"nextCursor":null', "has_more_without_cursor"),
        (b'"hasMore":true,"nextCursor":""', "has_more_without_cursor"),
        (b'"hasMore":true,"nextCursor":false', "has_more_without_cursor"),
        (b'"pagination":{"has_more":true,"next_cursor":null}', "has_more_without_cursor"),
        (b'"nextCursor":null', "neither_has_more_nor_cursor"),
        (b'"nextCursor":""', "neither_has_more_nor_cursor"),
        (b'"hasMore":null', "neither_has_more_nor_cursor"),
        (b'"pagination":{"limit":10}', "neither_has_more_nor_cursor"),
        (b'"pagination":7', "neither_has_more_nor_cursor"),
        (b'"hasMore":false,"pagination":{"hasMore":true,"nextCursor":"c"}', "two_has_mores"),
        (b'"hasMore":true,"nextCursor":"c","next_cursor":"d"', "two_cursors"),
    ],
)
def test_a_page_that_denies_itself_is_a_contradiction(rest: bytes, reason: str) -> None:
    with pytest.raises(PageContradiction) as caught:
        read_page(body(b'{"id":"a"}', rest))
    assert caught.value.reason == reason


def test_a_page_without_events_that_goes_on_is_a_page() -> None:
    assert read_page(body(b"")).next_cursor == "c"


def test_nesting_beyond_all_measure_in_the_envelope_is_refused_without_a_crash() -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(PageUnreadable) as caught:
        read_page(body(b"", b'"hasMore":false,"note":' + deep))
    assert caught.value.reason == "not_json"


def test_an_error_message_says_where_the_body_stops_making_sense() -> None:
    with pytest.raises(PageUnreadable, match="truncated_json: the body ends after 9 bytes"):
        read_page(b'{"data":[')
