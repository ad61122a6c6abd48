"""The rate headers of three generations, and what is not one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.headers import RateHeaders, read_rate_headers

NOW = 1_769_541_612.25
NOTHING = RateHeaders()


@pytest.mark.parametrize(
    ("headers", "reported"),
    [
        ({}, NOTHING),
        (
            {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "51"},
            RateHeaders(10, 7, 51.0, None),
        ),
        (
            {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "28"},
            RateHeaders(10, 0, 28.0, None),
        ),
        ({"ratelimit-limit": "10, 10;w=60", "ratelimit-remaining": "3"}, RateHeaders(10, 3, None, 60.0)),
        (
            {"ratelimit": '"default";r=0;t=28', "ratelimit-policy": '"default";q=10;w=60'},
            RateHeaders(10, 0, 28.0, 60.0),
        ),
        (
            {"ratelimit": "limit=10, remaining=4, reset=28", "ratelimit-policy": "10;w=60"},
            RateHeaders(10, 4, 28.0, 60.0),
        ),
        ({"ratelimit-policy": '"default";q=10;w=60'}, RateHeaders(10, None, None, 60.0)),
        ({"x-ratelimit-limit": "10", "ratelimit-policy": "10;w=60"}, RateHeaders(10, None, None, 60.0)),
        ({"x-ratelimit-limit": "10", "ratelimit-policy": "100;w=3600"}, RateHeaders(10, None, None, None)),
        ({"ratelimit": '"a,b;c";r=2;t=3', "ratelimit-policy": '"a,b;c";q=5;w=9'}, RateHeaders(5, 2, 3.0, 9.0)),
        ({"x-ratelimit-remaining": "0"}, RateHeaders(None, 0, None, None)),
        (
            {"x-ratelimit-limit": "10.0", "x-ratelimit-remaining": " 7.000 ", "x-ratelimit-reset": "51"},
            RateHeaders(10, 7, 51.0, None),
        ),
        (
            {"ratelimit": "default;r=0.0;t=28.0", "ratelimit-policy": "default;q=10.0;w=60.0"},
            RateHeaders(10, 0, 28.0, 60.0),
        ),
        ({"x-ratelimit-limit": "10.5", "x-ratelimit-remaining": "-1.0"}, NOTHING),
        ({"x-ratelimit-reset": " 51 "}, RateHeaders(None, None, 51.0, None)),
    ],
)
def test_each_generation_is_understood(headers: dict[str, str], reported: RateHeaders) -> None:
    assert read_rate_headers(headers, NOW) == reported


def test_of_several_policies_the_tightest_counts() -> None:
    headers = {
        "ratelimit": '"daily";r=900;t=40000, "burst";r=1;t=2',
        "ratelimit-policy": '"daily";q=1000;w=86400, "burst";q=10;w=60',
    }
    assert read_rate_headers(headers, NOW) == RateHeaders(10, 1, 2.0, 60.0)


def test_of_two_generations_at_once_the_tighter_counts() -> None:
    headers = {
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": "5",
        "x-ratelimit-reset": "10",
        "ratelimit": '"default";r=0;t=28',
    }
    reported = read_rate_headers(headers, NOW)
    assert (reported.remaining, reported.reset_after_seconds) == (0, 28.0)


@pytest.mark.parametrize(
    ("reset", "seconds", "is_whole"),
    [
        ("0", 0.0, True),
        ("51", 51.0, True),
        ("1.5", 1.5, False),
        ("1769541672", 59.75, True),
        ("1769541672500", 60.25, False),
        ("1769541600", 0.0, True),
        ("1769541600000", 0.0, False),
        ("Tue, 27 Jan 2026 19:21:12 GMT", 59.75, True),
    ],
)
def test_a_reset_may_be_seconds_an_epoch_or_a_date(reset: str, seconds: float, is_whole: bool) -> None:
    reported = read_rate_headers({"x-ratelimit-reset": reset}, NOW)
    assert reported.reset_after_seconds == pytest.approx(seconds)
    assert reported.reset_is_whole is is_whole


def test_an_epoch_is_measured_by_the_servers_own_clock() -> None:
    # Our clock is ten minutes ahead; the server's answer has its own.
    headers = {"x-ratelimit-reset": "1769541672", "date": "Tue, 27 Jan 2026 19:20:12 GMT"}
    assert read_rate_headers(headers, NOW + 600).reset_after_seconds == 60.0
    assert read_rate_headers({**headers, "date": "garbage"}, NOW).reset_after_seconds == pytest.approx(59.75)


GARBAGE = ["", " ", "-1", "+5", "ten", "0x10", "NaN", "inf", "1 2", "\u0665", "9" * 40]


@pytest.mark.parametrize("value", [*GARBAGE, "5;x"])
@pytest.mark.parametrize("prefix", ["x-ratelimit", "ratelimit", "x-rate-limit"])
def test_garbage_is_as_if_it_had_not_been_sent(prefix: str, value: str) -> None:
    assert read_rate_headers({f"{prefix}-{name}": value for name in ("remaining", "reset")}, NOW) == NOTHING


@pytest.mark.parametrize("value", GARBAGE)
def test_garbage_in_a_structured_field_is_as_if_it_had_not_been_sent(value: str) -> None:
    headers = {"ratelimit": f'"a";r={value};t={value}', "ratelimit-policy": f'"a";q={value};w={value}'}
    assert read_rate_headers(headers, NOW) == NOTHING


def test_of_several_lines_of_one_header_the_more_careful_counts() -> None:
    headers = {"x-ratelimit-limit": "10, 10", "x-ratelimit-remaining": "5, 0", "x-ratelimit-reset": "3, 30"}
    assert read_rate_headers(headers, NOW) == RateHeaders(10, 0, 30.0)
    assert read_rate_headers({"x-ratelimit-remaining": "0, many"}, NOW) == NOTHING


def test_a_moment_is_distinguished_from_seconds() -> None:
    for reset, is_moment in [
        ("51", False),
        ("1769541672", True),
        ("Tue, 27 Jan 2026 19:21:12 GMT", True),
        ("5s", False),
    ]:
        assert read_rate_headers({"x-ratelimit-reset": reset}, NOW).reset_is_moment is is_moment


NAMES = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-limit", "ratelimit-reset"]
VALUES = st.text(st.sampled_from('0123456789",;=.-qrtwlimt MonJan'), max_size=30) | st.text(max_size=10)


@given(st.dictionaries(st.sampled_from([*NAMES, "ratelimit", "ratelimit-policy", "date"]), VALUES))
def test_nothing_a_server_sends_raises(headers: dict[str, str]) -> None:
    reported = read_rate_headers(headers, NOW)
    assert reported.limit is None or reported.limit >= 0
    assert reported.remaining is None or reported.remaining >= 0
    assert reported.reset_after_seconds is None or 0 <= reported.reset_after_seconds < 1e14
    assert reported.window_seconds is None or reported.window_seconds > 0
