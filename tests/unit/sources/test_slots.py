"""What fills a slot stays within the part of a request that the slot stands in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.slots import NoValue, fill, fill_header, fill_query, fill_url, slot_values

VALUES = slot_values({"owner": "scrapy", "number": 7}, page_size=50, since="2026-01-31")


def test_slots_are_filled_by_name() -> None:
    assert fill("{slice.owner}/{slice.number}?n={page_size}&s={since}", VALUES) == "scrapy/7?n=50&s=2026-01-31"
    assert fill('{"a": {"b": 1}} [{', VALUES) == '{"a": {"b": 1}} [{'


@pytest.mark.parametrize("text", ["{until}", "{slice.repo}", "{nothing}"])
def test_a_slot_that_nothing_fills_is_an_error(text: str) -> None:
    with pytest.raises(NoValue):
        fill(text, VALUES)


@pytest.mark.parametrize("text", ["{}", "{ since }", "{since", "{slice.owner"])
def test_what_begins_as_a_slot_and_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no slot"):
        fill(text, VALUES)


def test_a_value_brings_no_slots_of_its_own() -> None:
    assert fill("{slice.a}", slot_values({"a": "{page_size} {slice.b}"}, page_size=5)) == "{page_size} {slice.b}"


def test_a_parameter_is_left_out_where_its_time_has_no_value_and_its_order_and_repeats_stay() -> None:
    pairs = (("b", "{page_size}"), ("since", "{since}"), ("until", "<{until}"), ("b", "x"))

    assert fill_query(pairs, VALUES) == (("b", "50"), ("since", "2026-01-31"), ("b", "x"))
    with pytest.raises(NoValue):
        fill_query((("a", "{slice.repo}"),), VALUES)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("a/b", "/repos/a%2Fb/issues?q=a%2Fb"),
        ("../..", "/repos/..%2F../issues?q=..%2F.."),
        ("?x=1#y", "/repos/%3Fx%3D1%23y/issues?q=%3Fx%3D1%23y"),
        ("%2e%2e", "/repos/%252e%252e/issues?q=%252e%252e"),
        ("ä b+", "/repos/%C3%A4%20b%2B/issues?q=%C3%A4%20b%2B"),
        ("a&b=c", "/repos/a%26b%3Dc/issues?q=a%26b%3Dc"),
        ("\r\n", "/repos/%0D%0A/issues?q=%0D%0A"),
    ],
)
def test_a_value_in_a_url_is_percent_encoded(value: str, url: str) -> None:
    assert fill_url("/repos/{slice.a}/issues?q={slice.a}", slot_values({"a": value})) == url


@pytest.mark.parametrize("value", ["..", ".", ""])
def test_a_value_that_would_be_a_step_up_or_none_at_all_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="path"):
        fill_url("/repos/{slice.a}/issues", slot_values({"a": value}))


def test_two_values_cannot_make_a_step_up_together() -> None:
    with pytest.raises(ValueError, match="path"):
        fill_url("/repos/{slice.a}{slice.b}/issues", slot_values({"a": ".", "b": "."}))


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."} and text.isprintable()))
def test_a_path_has_as_many_steps_whatever_a_value_is(value: str) -> None:
    filled = fill_url("/repos/{slice.a}/issues", slot_values({"a": value}))

    assert filled.count("/") == 3
    assert "?" not in filled
    assert "#" not in filled


@pytest.mark.parametrize("value", ["acme", "acme.example.com", "127.0.0.1:8080"])
def test_a_value_in_a_host_is_a_part_of_one(value: str) -> None:
    assert fill_url("https://{slice.a}/x", slot_values({"a": value})) == f"https://{value}/x"


@pytest.mark.parametrize("value", ["a/b", "u@h", "a#", "a?b", "a b", "", "ä", "a\n", "[::1]", "a:b"])
def test_a_value_that_would_change_where_a_url_leads_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="host"):
        fill_url("https://{slice.a}.example.com/x", slot_values({"a": value}))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\0", "", "ä", " a"])
def test_a_value_that_no_header_can_carry_is_an_error_that_does_not_hold_it(value: str) -> None:
    with pytest.raises(ValueError, match="no header can carry it") as caught:
        fill_header("{slice.a}", slot_values({"a": value}))
    assert "Evil" not in str(caught.value)


def test_a_header_keeps_blanks_between_its_words() -> None:
    assert fill_header("team {slice.owner} x", VALUES) == "team scrapy x"


def test_the_name_of_a_slice_is_one_in_whatever_order_its_values_come() -> None:
    assert canonical({"b": 1, "a": "ü"}) == canonical({"a": "ü", "b": 1}) == '{"a":"ü","b":1}'


@pytest.mark.parametrize("value", ["\0", "\ud800"])
def test_a_value_that_cannot_be_stored_makes_no_name(value: str) -> None:
    with pytest.raises(ValueError, match="character"):
        canonical({"a": value})
