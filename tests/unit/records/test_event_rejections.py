"""An event is rejected exactly if PostgreSQL could not store it, with its bytes and its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw as RawEvent

from datasync_spider.records.strictparser import RecordRejected, StrictParser
from tests.support.sources import READER
from tests.unit.records.jsontexts import any_text, objects, read_strictly, values, written
from tests.unit.records.pagetexts import parse_in_page

each_way = pytest.mark.usefixtures("each_way")


def reason_in_page(text: bytes) -> str | None:
    rejected = parse_in_page(text).rejected
    return rejected[0].reason if rejected else None


@each_way
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"id"', "not_an_object"),
        (b"12", "not_an_object"),
        (b'[{"id":"a"}]', "not_an_object"),
        (b'{"id":"a","n":+1}', "malformed_json"),
        (b'{"id":"a","n":.5}', "malformed_json"),
        (b'{"id":"a","n":1.}', "malformed_json"),
        (b'{"id":"a","n":1e}', "malformed_json"),
        (b'{"id":"a","n":0x10}', "malformed_json"),
        (b'{"id":"a","n":Infinity}', "malformed_json"),
        (b"{'id':'a'}", "malformed_json"),
        (b'{"id":"a\nb"}', "malformed_json"),
        (b'{"id":"a","s":"\\u12g4"}', "malformed_json"),
        (b'{"id":"a","s":"\\u0000"}', "nul_character"),
        (b'{"id":"a","\\u0000":1}', "nul_character"),
        (b'{"id":"a","deep":[{"s":"x\\\\\\u0000"}]}', "nul_character"),
        (b'{"id":"\\u0000","id":"a"}', "nul_character"),
        (b'{"id":"a","s":"\\uD800\\u0041"}', "lone_surrogate"),
        (b'{"id":"a","\\udfff":1}', "lone_surrogate"),
        (b'{"id":"a","s":"\xc3"}', "invalid_utf8"),
        (b'{"id":"a","s":"\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"id":"a","s":"\xc0\x80"}', "invalid_utf8"),
        (b'{"id":"a","s":"\xf5\x80\x80\x80"}', "invalid_utf8"),
        (b'{"id":"a","\xff":1}', "invalid_utf8"),
        (b'{"id":"a","deep":' + b"[" * 512 + b"]" * 512 + b"}", "too_deep"),
        (b'{"id":"a","deep":' + b'[{"a":' * 400 + b"1" + b"}]" * 400 + b"}", "too_deep"),
    ],
)
def test_the_reason_is_reported(text: bytes, reason: str) -> None:
    assert reason_in_page(text) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "malformed_json"),
        (b'{"id":"a"', "malformed_json"),
        (b'{"id":"a"}}', "malformed_json"),
        (b'\xef\xbb\xbf{"id":"a"}', "malformed_json"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_bytes_that_no_page_can_hold_as_an_event_have_their_reason_too(text: bytes, reason: str) -> None:
    assert [event.reason for event in READER.parse([RawEvent(text)]).rejected] == [reason]


@each_way
@pytest.mark.parametrize(
    "text",
    [
        rb'{"id":"a","s":"\\u0000"}',
        rb'{"id":"a","s":"\\\\u0000 \\ud800"}',
        b'{"id":"a","s":"\\ud83d\\ude00"}',
        b'{"id":"a","s":"\x7f"}',
        '{"id":"a","s":"\ufffe\U0010ffff"}'.encode(),
        b'{"id":"a","n":1e400000}',
        b'{"id":"a","n":' + b"1" * 200_000 + b"}",
        b'{"id":"a","n":-0.0e-0}',
        b'{"id":"a","deep":' + b"[" * 511 + b"]" * 511 + b"}",
        b'{"id":"a","flat":[' + b",".join([b"[]"] * 2000) + b"]}",
        b'{"id":"a","text":"' + b"[{" * 2000 + b'"}',
        b'{"id":"a","text":"' + b"x" * 1_000_000 + b'"}',
        b'{"id":"a","a":1,"a":2}',
        b'{"id":"a","":{"":[]}}',
    ],
)
def test_what_postgresql_stores_is_not_rejected(text: bytes) -> None:
    assert reason_in_page(text) is None


@each_way
def test_rejections_keep_their_place_and_their_bytes() -> None:
    texts = [b'{"id":"a"}', b"null", b'{"id":"b"}', b'{"no":"id"}', b'{"id":"c","s":"\\u0000"}', b'{"id":"d"}']
    parsed = parse_in_page(*texts)
    assert [event.payload for event in parsed.events] == [texts[0], texts[2], texts[5]]
    assert [(event.position, event.raw) for event in parsed.rejected] == [(n, texts[n]) for n in (1, 3, 4)]


def holds(value: Any, forbidden: str) -> bool:
    if isinstance(value, str):
        return any(character in value for character in forbidden)
    if isinstance(value, dict):
        return any(holds(key, forbidden) or holds(inner, forbidden) for key, inner in value.items())
    return isinstance(value, list) and any(holds(inner, forbidden) for inner in value)


SURROGATES = "".join(map(chr, range(0xD800, 0xE000)))


@given(written(objects(any_text)))
def test_an_event_is_stored_unless_it_holds_a_character_that_no_text_can_hold(text: bytes) -> None:
    event = text[:-1] + (b"," if len(text) > 2 else b"") + b'"id":"x"}'
    # Duplicates that the reader drops still reach PostgreSQL, so only texts without them can be foretold.
    expected = holds(read_strictly(event), "\0" + SURROGATES)
    assert (reason_in_page(event) is not None) == expected
    assert bool(READER.parse([RawEvent(event)]).rejected) == expected


def slow_look(text: bytes) -> tuple[str, int | None] | str:
    try:
        return StrictParser(READER.ids, READER.times).parse_strictly(text)
    except RecordRejected as error:
        return error.reason


@given(written(values(any_text) | objects(any_text)), st.binary(max_size=3), st.data())
def test_the_quick_and_the_slow_look_never_differ(text: bytes, junk: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text)))
    names = data.draw(st.sampled_from([b'"id":"x",', b'"id":7,"timestamp":1.5e9,', b'"eventId":null,', b""]))
    damaged = (text[:position] + junk + text[position:]).replace(b"{", b"{" + names, 1)
    parsed = READER.parse([RawEvent(damaged)])
    accepted = [(event.event_id, event.occurred_at_us) for event in parsed.events]
    assert [*accepted, *(event.reason for event in parsed.rejected)] == [slow_look(damaged)]
    assert [event.payload for event in parsed.events] + [event.raw for event in parsed.rejected] == [damaged]
