"""Cursors point at an event, expire, and cannot be made by hand."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_api.cursor import CursorExpiredError, CursorInvalidError, Cursors

NOW_MS = 1_800_000_000_000
CURSORS = Cursors(seed=1, ttl_ms=120_000)


@given(st.integers(0, 2**32), st.integers(0, 119_999))
def test_a_cursor_is_read_as_it_was_issued_while_it_lives(before_age: int, later_ms: int) -> None:
    assert CURSORS.read(CURSORS.issue(before_age, NOW_MS), NOW_MS + later_ms) == before_age


@given(st.integers(0, 10**9))
def test_afterwards_it_says_how_long_ago_it_expired(over_ms: int) -> None:
    with pytest.raises(CursorExpiredError) as caught:
        CURSORS.read(CURSORS.issue(5, NOW_MS), NOW_MS + 120_000 + over_ms)
    assert caught.value.expired_ms_ago == over_ms


@given(st.data())
def test_a_cursor_with_one_character_changed_is_refused(data: st.DataObject) -> None:
    # Of various lengths: what is left over in the last character of base64 differs.
    cursor = CURSORS.issue(data.draw(st.sampled_from([1, 12, 123, 1_234])), NOW_MS)
    position = data.draw(st.integers(0, len(cursor) - 1) | st.just(len(cursor) - 1))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_"))
    edited = cursor[:position] + character + cursor[position + 1 :]
    if edited != cursor:
        with pytest.raises(CursorInvalidError):
            CURSORS.read(edited, NOW_MS)


def test_a_cursor_in_another_spelling_is_refused() -> None:
    cursor = CURSORS.issue(1, NOW_MS)
    content = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    with pytest.raises(CursorInvalidError):
        CURSORS.read(base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("="), NOW_MS)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalidError):
        CURSORS.read(text, NOW_MS)


@pytest.mark.parametrize(
    "content",
    [{"before": 1, "issued": NOW_MS}, {"before": 1e999, "issued": 1}, {"before": None, "issued": 1}, [], 5, "x"],
)
def test_a_cursor_made_by_hand_is_refused(content: object) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    with pytest.raises(CursorInvalidError):
        CURSORS.read(forged, NOW_MS)


def test_a_cursor_of_another_feed_is_refused_and_one_of_an_earlier_run_is_not() -> None:
    cursor = CURSORS.issue(9, NOW_MS)
    with pytest.raises(CursorInvalidError):
        Cursors(seed=2, ttl_ms=120_000).read(cursor, NOW_MS)
    assert Cursors(seed=1, ttl_ms=120_000).read(cursor, NOW_MS) == 9
