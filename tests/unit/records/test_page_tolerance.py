"""One event that the decoder cannot take costs neither its page nor its neighbours."""

from __future__ import annotations

import pytest

from datasync_spider.errors import PageUnreadable
from tests.support.sources import read_page
from tests.unit.records.pagetexts import body

pytestmark = pytest.mark.usefixtures("each_way")

GOOD = b'{"id":"good"}'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"id":"a","name":"\\ud800"}', "lone_surrogate"),
        (b'{"id":"a","name":"\\udc00\\ud800"}', "lone_surrogate"),
        (b'{"id":"a","name":"caf\xe9"}', "invalid_utf8"),
        (b'{"id":"a","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"id":"a","deep":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}", "too_deep"),
        (b'{"id":"a","name":"\x01"}', "malformed_json"),
        (b'{"id":"a","name":"\x00"}', "malformed_json"),
        (b'{"id":"a","name":"\\x"}', "malformed_json"),
        (b'{"id":"a","n":01}', "malformed_json"),
        (b'{"id":"a","n":nul}', "malformed_json"),
        (b'{"id":"a","n":NaN}', "malformed_json"),
        (b'{"id":"a",}', "malformed_json"),
        (b'{"id":"a" "b":1}', "malformed_json"),
        (b'{"id":"a","b"}', "malformed_json"),
        (b'{"id":"a","b":[1,]}', "malformed_json"),
        (b'{"id":"a";"b":[1]}', "malformed_json"),
        (b"undefined", "malformed_json"),
    ],
)
def test_the_others_come_through_and_the_bad_one_is_kept_whole(bad: bytes, reason: str) -> None:
    page = read_page(body(b",".join([GOOD, bad, GOOD])))
    parsed = page.parse()
    assert page.next_cursor == "c"
    assert [event.payload for event in parsed.events] == [GOOD, GOOD]
    assert [(event.position, event.reason, event.raw) for event in parsed.rejected] == [(1, reason, bad)]


def test_brackets_and_quotes_within_strings_cut_nothing() -> None:
    tricky = b'{"id":"a","name":"]},{\\"id\\":\\"x\\"},[\\\\"}'
    page = read_page(body(b",".join([tricky, b'{"id":"\\ud800"}', tricky])))
    assert [bytes(raw) for raw in page.raw_events] == [tricky, b'{"id":"\\ud800"}', tricky]


def test_a_count_that_does_not_match_is_noticed_on_this_way_too() -> None:
    with pytest.raises(PageUnreadable) as caught:
        read_page(body(b'{"id":"\\ud800"}', b'"hasMore":false,"meta":{"returned":2}'))
    assert caught.value.reason == "returned_mismatch"


def test_names_that_are_spelt_with_escapes_are_the_same_names() -> None:
    page = read_page(b'{"d\\u0061ta":[{"id":"\\ud800"}],"hasM\\u006fre":false}')
    assert (len(page.raw_events), page.has_more) == (1, False)


def test_a_page_of_many_events_is_cut_in_time() -> None:
    events = b",".join([GOOD] * 20_000)
    assert len(read_page(body(events + b',{"id":"\\ud800"}')).raw_events) == 20_001


def test_a_string_of_megabytes_is_no_trouble() -> None:
    huge = b'{"id":"a","text":"' + b'\\"[{' * 1_000_000 + b'"}'
    page = read_page(body(huge + b',{"id":"\\ud800"}'))
    assert [len(event.payload) for event in page.parse().events] == [len(huge)]
