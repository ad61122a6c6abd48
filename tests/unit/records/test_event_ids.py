"""Which member is an event's id, and what an id may be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.records.event import Event
from tests.unit.records.pagetexts import parse_in_page

pytestmark = pytest.mark.usefixtures("each_way")


def parse_one(text: bytes) -> Event:
    parsed = parse_in_page(text)
    assert parsed.rejected == []
    return parsed.events[0]


def reason(text: bytes) -> str:
    parsed = parse_in_page(text)
    assert parsed.events == []
    return parsed.rejected[0].reason


@pytest.mark.parametrize(
    ("text", "event_id"),
    [
        (b'{"id":"a","eventId":"b","event_id":"c"}', "a"),
        (b'{"eventId":"b","event_id":"c"}', "b"),
        (b'{"event_id":"c"}', "c"),
        (b'{"event_id":"c","eventId":null,"id":null}', "c"),
        (b'{"id":"a","eventId":{"odd":1}}', "a"),
        (b'{"id":"first","id":"last"}', "last"),
        (b'{"id":{"odd":1},"id":"last"}', "last"),
        (b'{"id":"first","\\u0069d":"last"}', "last"),
        (b'{"\\u0069d":1.5,"id":"b","\\u0069d":"last"}', "last"),
        (b'{"id":"first","id":null,"eventId":"b"}', "b"),
        (b'{"properties":{"id":"inner"},"id":"outer"}', "outer"),
        (b'{"id":7}', "7"),
        (b'{"id":-7}', "-7"),
        (b'{"id":0}', "0"),
        (b'{"id":123456789012345678901234567890}', "123456789012345678901234567890"),
        (b'{"id":' + b"9" * 1000 + b"}", "9" * 1000),
        (b'{"id":" spaced "}', " spaced "),
        (b'{"id":"\\u200bx"}', "\u200bx"),
        (b'{"id":"caf\\u00e9"}', "café"),
        ('{"id":"café ☃"}'.encode(), "café ☃"),
        (b'{"id":"\\ud83d\\ude00"}', "😀"),
        (b'{"id":"' + "é".encode() * 500 + b'"}', "é" * 500),
    ],
)
def test_the_id_is_the_first_of_its_names_that_holds_something(text: bytes, event_id: str) -> None:
    event = parse_one(text)
    assert (event.event_id, event.payload) == (event_id, text)


def test_minus_zero_is_the_id_that_postgresql_makes_of_it() -> None:
    assert parse_one(b'{"id":-0}').event_id == "0"
    assert parse_one(b'{"id":-0,"timestamp":{"slow":"path"},"eventId":1.5}').event_id == "0"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{}", "no_id"),
        (b'{"id":null}', "no_id"),
        (b'{"ID":"a","name":"b"}', "no_id"),
        (b'{"properties":{"id":"inner"}}', "no_id"),
        (b'{"id":true}', "id_wrong_type"),
        (b'{"id":false,"eventId":"b"}', "id_wrong_type"),
        (b'{"id":1.0}', "id_wrong_type"),
        (b'{"id":1e3}', "id_wrong_type"),
        (b'{"id":{}}', "id_wrong_type"),
        (b'{"id":["a"]}', "id_wrong_type"),
        (b'{"id":"a","id":{}}', "id_wrong_type"),
        (b'{"id":""}', "id_empty"),
        (b'{"id":"","eventId":"b"}', "id_empty"),
        (b'{"id":" \\t\\n"}', "id_empty"),
        (b'{"id":"\\u200b\\ufeff\\u00a0"}', "id_empty"),
        ('{"id":"\u200b\u2003\u0085\x7f"}'.encode(), "id_empty"),
        (b'{"id":"' + b"x" * 1001 + b'"}', "id_too_long"),
        (b'{"id":"' + "é".encode() * 501 + b'"}', "id_too_long"),
        (b'{"id":' + b"9" * 1001 + b"}", "id_too_long"),
        (b'{"id":' + b"9" * 100_000 + b"}", "id_too_long"),
        (b'{"id":"a\\u0000b"}', "id_nul"),
        (b'{"eventId":"\\u0000"}', "id_nul"),
        (b'{"id":"a\\ud800"}', "lone_surrogate"),
    ],
)
def test_an_id_that_cannot_be_one_rejects_the_event(text: bytes, why: str) -> None:
    assert reason(text) == why


@given(st.integers(-(10**60), 10**60))
def test_an_integer_id_is_its_decimal_text(number: int) -> None:
    assert parse_one(b'{"id":%d}' % number).event_id == str(number)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1, max_size=250),
    st.booleans(),
)
def test_a_visible_id_is_kept_exactly(event_id: str, ensure_ascii: bool) -> None:
    assert parse_one(json.dumps({"id": event_id}, ensure_ascii=ensure_ascii).encode()).event_id == event_id
