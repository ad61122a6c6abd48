"""The rate window, and the ways in which it is given."""

from __future__ import annotations

from collections import defaultdict
from email.utils import parsedate_to_datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_api.rateheaders import RateHeaderStyle, RetryAfterStyle, rate_headers, retry_after
from mock_api.ratewindow import Admission, RateWindows

NOW_MS = 1_800_000_000_123
REFUSED = Admission(admitted=False, limit=10, remaining=0, reset_ms=50_400)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400)), max_size=80), st.integers(1, 5), st.integers(1, 900)
)
def test_no_window_admits_more_than_its_limit(requests: list[tuple[str, int]], limit: int, window_ms: int) -> None:
    windows = RateWindows(limit, window_ms)
    now_ms = 0
    admitted: defaultdict[tuple[str, float], int] = defaultdict(int)
    for key, pause_ms in requests:
        now_ms += pause_ms
        admission = windows.take(key, now_ms)
        assert 0 < admission.reset_ms <= window_ms
        admitted[key, now_ms + admission.reset_ms] += admission.admitted
        assert admission.remaining == limit - admitted[key, now_ms + admission.reset_ms]
        assert admission.admitted or admission.remaining == 0
    assert all(count <= limit for count in admitted.values())


def test_the_window_is_fixed_and_opens_with_the_first_request_after_the_last_ones_end() -> None:
    windows = RateWindows(2, 1_000)
    assert [windows.take("", at).admitted for at in (0, 999, 999, 1_000, 1_001, 1_002)] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("legacy", {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "51"}),
        ("ietf-draft", {"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "51"}),
        ("ietf-structured", {"RateLimit": '"default";r=0;t=51', "RateLimit-Policy": '"default";q=10;w=60'}),
        ("epoch", {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000051"}),
        ("epoch-ms", {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000050523"}),
        ("none", {}),
    ],
)
def test_each_generation_of_headers_gives_the_window(style: RateHeaderStyle, expected: dict[str, str]) -> None:
    assert dict(rate_headers(style, REFUSED, 60_000, NOW_MS)) == expected


@pytest.mark.parametrize(
    ("style", "expected", "reported_ms"),
    [
        ("seconds", "51", 51_000),
        ("fraction", "50.4", 50_400),
        ("zero", "0", 0),
        ("epoch", "1800000051", 50_877),
        ("past-epoch", "1799996400", 0),
    ],
)
def test_each_style_of_retry_after_gives_its_wait(style: RetryAfterStyle, expected: str, reported_ms: float) -> None:
    assert retry_after(style, REFUSED, NOW_MS) == ([("Retry-After", expected)], reported_ms)


def test_a_date_names_the_second_after_the_windows_end_or_one_long_past() -> None:
    (((_, future),), reported_ms) = retry_after("date", REFUSED, NOW_MS)
    assert parsedate_to_datetime(future).timestamp() == 1_800_000_051
    assert reported_ms == 50_877
    (((_, past),), reported_ms) = retry_after("past-date", REFUSED, NOW_MS)
    assert parsedate_to_datetime(past).timestamp() < NOW_MS / 1_000 - 3_000
    assert reported_ms == 0


@given(st.sampled_from(get_args(RetryAfterStyle)), st.floats(1, 1e6))
def test_what_is_reported_is_never_less_than_the_window_unless_the_style_lies(
    style: RetryAfterStyle, reset_ms: float
) -> None:
    _, reported_ms = retry_after(style, Admission(False, 1, 0, reset_ms), NOW_MS)
    assert reported_ms == 0 if style in ("none", "zero", "past-date", "past-epoch") else reported_ms >= reset_ms - 0.001
