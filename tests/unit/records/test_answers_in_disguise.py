"""Successes that are no page of events: none ends a feed, and the report says what came instead."""

from __future__ import annotations

import re

import pytest

from datasync_spider.errors import PageContradiction, PageUnreadable
from tests.support.sources import check_answer
from tests.unit.records.pagetexts import LIVE

LAST = b'{"data":[],"hasMore":false}'


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (b"", "empty_body", ""),
        (b"\xef\xbb\xbf \n", "empty_body", ""),
        (b"\xef\xbb\xbf<html><title>Sign in</title>", "not_json", "an HTML page of 31 bytes, titled 'Sign in'"),
        (b"upstream connect error\r\n", "not_json", "upstream connect error"),
        (b'"try later"', "not_an_object", "try later"),
        (b"null", "not_an_object", ""),
        (b"[]", "not_an_object", ""),
        (b"7", "not_an_object", ""),
        (b"{}", "no_data_array", ""),
        (b'{"message":"try later"}', "no_data_array", "try later"),
        (b'{"data":{"message":"try later"}}', "no_data_array", ""),
        (b'{"id":"a","type":"click"}', "no_data_array", ""),
        (b'{"id":"a"}\n{"id":"b"}\n', "not_json", "JSON is malformed: trailing characters"),
        (LAST + b"\n" + LAST, "not_json", "JSON is malformed: trailing characters"),
        (LAST + b"<!-- served in 3 ms -->", "not_json", "JSON is malformed: trailing characters"),
        (LAST.decode().encode("utf-16"), "not_json", None),
        (LAST.decode().encode("utf-16-le"), "not_json", None),
    ],
)
def test_a_200_that_is_no_page_is_reported_by_what_it_is(body: bytes, reason: str, detail: str | None) -> None:
    with pytest.raises(PageUnreadable) as caught:
        check_answer(200, {}, body)
    assert caught.value.reason == reason
    assert detail is None or re.sub(r" \(byte \d+\)$", "", caught.value.detail) == detail
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 207, 226, 299])
@pytest.mark.parametrize("body", [b"", LAST, LIVE])
def test_another_success_is_neither_a_page_nor_an_end(status: int, body: bytes) -> None:
    with pytest.raises(PageUnreadable) as caught:
        check_answer(status, {}, body)
    assert caught.value.reason == f"status_{status}"


@pytest.mark.parametrize(
    "rest",
    [
        *(b'"pagination":null', b'"pagination":[]', b'"pagination":[{"hasMore":false}]', b'"meta":null', b'"meta":"x"'),
        *(b'"nextCursor":""', b'"nextCursor":false', b'"nextCursor":null', b'"hasMore":null', b'"more":false'),
        *(b'"hasMore":true,"nextCursor":""', b'"hasMore":"true","nextCursor":false', b'"hasMore":1'),
        b'"hasMore":false,"has_more":true,"nextCursor":"c"',
    ],
)
def test_a_page_that_does_not_say_that_it_is_the_last_is_not_the_last(rest: bytes) -> None:
    with pytest.raises(PageContradiction):
        check_answer(200, {}, b'{"data":[],' + rest + b"}")
