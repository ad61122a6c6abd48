"""Text of foreign origin: nothing of it may play tricks, nothing secret may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_spider.observe.display import shown_headers, shown_value, visible, without_secrets


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_what_is_shown_can_be_printed_whatever_it_was(text: str) -> None:
    assert visible(text).isprintable()


@pytest.mark.parametrize("text", ["\x1b[2J", "\u009b2J", "a\u202eb", "\u200b", "\ud800", "line\nline"])
def test_what_moves_the_cursor_reorders_or_hides_is_written_as_an_escape(text: str) -> None:
    assert visible(text).isprintable()
    assert "\\" in visible(text)


def test_plain_text_stays_as_it_is_and_long_text_is_cut() -> None:
    assert visible("Grüße, 12 °C") == "Grüße, 12 °C"
    assert visible("abcdef", 3) == "abc…"


def test_a_secret_within_a_longer_secret_leaves_nothing_of_either() -> None:
    assert without_secrets("key=abcdef, old=abc", ("abc", "abcdef", "")) == "key=***, old=***"


@pytest.mark.parametrize(
    "name", ["X-API-Key", "Set-Cookie", "authorization", "X-Auth-Token", "x_api_key", "WWW-Secret"]
)
def test_a_header_that_speaks_of_credentials_is_masked(name: str) -> None:
    assert shown_headers([(name, "value")]) == [(name, "***")]


def test_other_headers_are_shown_without_the_secrets_that_they_echo() -> None:
    headers = [("X-RateLimit-Limit", "10"), ("X-Echo", "you sent s3cret"), ("Keep-Alive", "5")]
    assert shown_headers(headers, ("s3cret",)) == [
        ("X-RateLimit-Limit", "10"),
        ("X-Echo", "you sent ***"),
        ("Keep-Alive", "5"),
    ]


def test_a_value_is_cleaned_in_all_its_texts_and_names() -> None:
    value = {"na\x1bme": ["s3cret", 1, None, True, {"x": "\x00"}]}
    assert shown_value(value, ("s3cret",)) == {"na\\x1bme": ["***", 1, None, True, {"x": "\\x00"}]}


def test_a_value_that_is_nested_too_deep_is_cut_and_not_an_error() -> None:
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    shown = repr(shown_value(value))
    assert "…" in shown
    assert len(shown) < 200
