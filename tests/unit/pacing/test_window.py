"""What a window learns from one answer after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.headers import RateHeaders
from datasync_spider.pacing.window import RateWindow


def test_without_any_headers_nothing_is_ever_held_back() -> None:
    window = RateWindow()
    for second in range(100):
        assert window.wait_seconds(second) == 0
        window.request_sent(second)
        window.observe(RateHeaders(), second)
    assert (window.limit, window.remaining) == (None, None)


def test_requests_leave_at_once_while_some_remain() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 1, 51.0), 100.0)
    assert window.wait_seconds(100.0) == 0
    assert (window.limit, window.remaining) == (10, 1)
    window.request_sent(100.0)
    assert window.remaining == 0


def test_the_last_one_is_followed_by_a_wait_for_the_windows_end() -> None:
    window = RateWindow()
    window.request_sent(99.0)
    window.observe(RateHeaders(10, 0, 51.0), 100.0)
    # A second for what rounding may hide, and a margin.
    assert window.wait_seconds(100.0) == pytest.approx(52.05)
    assert window.wait_seconds(152.05) == pytest.approx(0)


def test_an_exact_reset_needs_no_second_for_rounding() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 0, 51.5, None, reset_is_whole=False), 100.0)
    assert window.wait_seconds(100.0) == pytest.approx(51.55)


def test_the_quickest_answer_of_a_window_shows_its_end_best() -> None:
    window = RateWindow()
    for sent, received, remaining, reset in [(100.0, 106.0, 2, 60.0), (106.0, 106.1, 1, 54.0), (106.1, 112.0, 0, 54.0)]:
        window.request_sent(sent)
        window.observe(RateHeaders(10, remaining, reset), received)
    assert window.wait_seconds(112.0) == pytest.approx(106.1 + 54 + 1.05 - 112)


def test_a_reported_length_bounds_the_window_too() -> None:
    window = RateWindow()
    window.request_sent(100.0)
    window.observe(RateHeaders(10, 0, 60.0, 60.0), 100.2)
    assert window.wait_seconds(100.2) == pytest.approx(60.05)


def test_a_reported_length_is_not_believed_against_a_longer_reset() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 0, 300.0, 60.0), 100.0)
    assert window.wait_seconds(100.0) == pytest.approx(301.05)


def test_what_the_server_asks_for_is_distinguished_from_what_rounding_adds() -> None:
    window = RateWindow()
    window.request_sent(99.9)
    window.observe(RateHeaders(10, 0, 51.0), 100.0)
    assert window.asked_seconds(100.0) == pytest.approx(51.0)
    assert window.asked_seconds(151.5) == 0
    assert not window.is_held(100.0)
    window.rate_limited(86_400.0, 100.0)
    assert window.asked_seconds(100.0) == pytest.approx(86_400.0)
    assert window.is_held(100.0)


def test_a_reset_in_milliseconds_is_known_by_the_windows_length_where_seconds_would_be_too_long() -> None:
    window = RateWindow(longest_seconds=3_600.0)
    window.observe(RateHeaders(10, 0, 58_000.0, 60.0), 100.0)
    assert 58.0 <= window.wait_seconds(100.0) <= 60.05
    assert window.asked_seconds(100.0) == pytest.approx(58.0)


def test_a_long_reset_is_believed_where_no_length_shows_another_unit() -> None:
    for length in (None, 30.0):
        window = RateWindow(longest_seconds=3_600.0)
        window.observe(RateHeaders(10, 0, 58_000.0, length), 100.0)
        assert window.asked_seconds(100.0) == pytest.approx(58_000.0)


def test_more_remaining_is_a_new_window() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 2, 10.0), 100.0)
    window.request_sent(105.0)
    window.observe(RateHeaders(10, 9, 60.0), 105.1)
    assert window.remaining == 9
    window.observe(RateHeaders(10, 0, 58.0), 107.0)
    assert window.wait_seconds(107.0) == pytest.approx(59.05)


def test_more_remaining_is_a_new_window_even_where_windows_are_too_short_to_distinguish_by_their_ends() -> None:
    window = RateWindow()
    window.request_sent(100.0)
    window.observe(RateHeaders(10, 3, 2.0), 100.0)
    window.request_sent(102.4)
    window.observe(RateHeaders(10, 9, 2.0), 102.5)
    window.observe(RateHeaders(10, 0, 2.0), 102.6)
    assert window.wait_seconds(102.6) >= 1.9


def test_once_the_window_has_passed_the_next_one_is_taken_to_be_whole() -> None:
    window = RateWindow()
    window.observe(RateHeaders(3, 0, 10.0), 100.0)
    window.request_sent(111.1)
    assert window.remaining == 2


def test_another_client_that_has_used_up_the_next_window_already_is_noticed() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 0, 10.0), 100.0)
    now = 100.0 + window.wait_seconds(100.0)
    window.request_sent(now)
    window.observe(RateHeaders(10, 0, 55.0), now + 0.1)
    assert window.wait_seconds(now + 0.1) >= 55


def test_another_client_that_has_opened_the_next_window_before_its_time_is_noticed() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 5, 3.0), 100.0)
    window.request_sent(103.2)
    # Fewer remain than before, but the end is one that only another window can have.
    window.observe(RateHeaders(10, 0, 59.0), 103.3)
    assert window.wait_seconds(103.3) >= 59


def test_a_refusal_holds_everything_back_even_where_requests_remain() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 7, 51.0), 100.0)
    window.rate_limited(20.0, 100.0)
    assert window.wait_seconds(100.0) >= 20
    assert window.wait_seconds(119.9) > 0
    assert window.wait_seconds(121.1) == 0


def test_a_shorter_refusal_does_not_shorten_a_longer_one() -> None:
    window = RateWindow()
    window.rate_limited(20.0, 100.0)
    window.rate_limited(1.0, 101.0)
    assert window.wait_seconds(102.0) >= 18


def test_nothing_remaining_of_a_window_whose_end_is_not_reported_holds_nothing_back() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 0, None), 100.0)
    assert window.wait_seconds(100.0) == 0


def test_the_limit_may_change_while_it_runs() -> None:
    window = RateWindow()
    window.observe(RateHeaders(10, 5, 30.0), 100.0)
    window.observe(RateHeaders(3, 0, 5.0), 101.0)
    assert window.limit == 3
    assert window.wait_seconds(101.0) == pytest.approx(6.05)


MOMENTS = st.tuples(
    st.sampled_from(["send", "observe", "refuse"]),
    st.floats(0, 100),
    st.none() | st.integers(0, 20),
    st.none() | st.integers(0, 20),
    st.none() | st.integers(0, 300).map(float) | st.floats(0, 300),
    st.none() | st.floats(0.5, 300),
)


@given(st.lists(MOMENTS, max_size=30))
def test_whatever_is_reported_a_wait_ends_and_a_reported_wait_is_kept(
    moments: list[tuple[str, float, int | None, int | None, float | None, float | None]],
) -> None:
    window, now, held_until = RateWindow(), 1_000.0, 0.0
    for kind, passed, limit, remaining, reset, length in moments:
        now += passed
        if kind == "send":
            window.request_sent(now)
        elif kind == "observe":
            window.observe(RateHeaders(limit, remaining, reset, length), now)
        else:
            window.rate_limited(reset or 0.0, now)
            held_until = max(held_until, now + (reset or 0.0))
        wait = window.wait_seconds(now)
        assert held_until - now <= wait <= 302
        assert window.wait_seconds(now + wait + 0.001) == 0
