"""How long a refusal asks to wait, in every form that was seen."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.headers import AskedWait, read_asked_wait
from tests.support.zone import host_zone

NOW = 1_769_541_612.0
LIVE_BODY = (
    b'{"error":"Too Many Requests","code":"RATE_LIMIT_EXCEEDED","rateLimit":{"limit":10,"remaining":0,"reset":28}}'
)


def read_retry_after(headers: dict[str, str], body: bytes, now: float) -> float | None:
    """Of a rate limit, in seconds."""
    asked = read_asked_wait(headers, body, now, is_rate_limit=True)
    return None if asked is None else asked.seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("51", 51.0),
        (" 51 ", 51.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("1769541672", 60.0),
        ("1769541672500", 60.5),
        ("1769541600", 0.0),
        ("Tue, 27 Jan 2026 19:21:12 GMT", 60.0),
        ("Tuesday, 27-Jan-26 19:21:12 GMT", 60.0),
        ("Tue Jan 27 19:21:12 2026", 60.0),
        ("Tue, 27 Jan 2026 19:21:12 -0000", 60.0),
        ("Tue, 27 Jan 2026 20:21:12 +0100", 60.0),
        ("Tue, 27 Jan 2026 18:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e3", 1_000.0),
        ("5 seconds", 5.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("5 fortnights", None),
        ('"3"', 3.0),
        ("3, 3", 3.0),
        ("3,12", 12.0),
        ("3, soon", 3.0),
        ("soon, 120", 120.0),
        ("1,000", 1_000.0),
        ("60,120", 60_120.0),
        ("120,120", 120.0),
        ("5, Tue, 27 Jan 2026 19:21:12 GMT", 60.0),
        ("Tue, 27 Jan 2026 19:21:12 GMT, 90", 90.0),
        ("Tue, 27 Jan 2026 19:21:12 GMT, Tue, 27 Jan 2026 19:20:22 GMT", 60.0),
        ("2026-01-27T19:21:12Z", 60.0),
        ('"2026-01-27T20:21:12.500+01:00"', 60.5),
        ("2026-01-27 19:21:12", 60.0),
        ("20260127T192112Z", 60.0),
        ("2026-01-27T18:00:00Z", 0.0),
        ("2026-99-27T18:00:00Z", None),
        ("1769541672000000", 60.0),
        ("1769541672000000000", 60.0),
        ("Tue, 99 Jan 2026 19:21:12 GMT", None),
        ("Tue, 27 Foo 2026 19:21:12 GMT", None),
        ("Tue, 27 Jan 2026 99:21:12 GMT", None),
        ("1e", None),
        ("1e999", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_understood_in_every_form(text: str, seconds: float | None) -> None:
    assert read_retry_after({"retry-after": text}, b"", NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, b"", None),
        ({"retry-after": "51", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "51"}, LIVE_BODY, 51.0),
        ({"retry-after": "0"}, LIVE_BODY, 28.0),
        ({"retry-after": "5", "x-ratelimit-reset": "51"}, b"", 51.0),
        ({"retry-after": "60", "x-ratelimit-reset": "51"}, b"", 60.0),
        ({"x-ratelimit-reset": "51"}, b"", 51.0),
        ({"ratelimit": '"default";r=0;t=28'}, b"", 28.0),
        ({}, LIVE_BODY, 28.0),
        ({}, b'{"retryAfter":"7"}', 7.0),
        ({}, b'{"retry_after":7.5}', 7.5),
        ({}, b'{"error":{"retryAfter":9}}', 9.0),
        ({}, b'{"rateLimit":{"reset":1769541672}}', 60.0),
        ({}, b'{"data":[],"meta":{"error":{"code":"RATE_LIMITED","retryAfter":9.0}}}', 9.0),
        ({}, b'{"data":[],"pagination":{"retry_after":9}}', 9.0),
        ({"retry-after": "soon"}, b"<html>", None),
        ({}, b'{"retryAfter":true,"rateLimit":{"reset":-1}}', None),
        ({}, b'{"rateLimit":[28]}', None),
        ({}, b"[" * 100_000, None),
    ],
)
def test_the_longest_of_all_that_is_reported_wins(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    assert read_retry_after(headers, body, NOW) == seconds


def test_a_refusal_with_requests_left_is_not_about_the_window() -> None:
    headers = {"retry-after": "1", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "51"}
    assert read_retry_after(headers, b"", NOW) == 1.0
    assert read_retry_after({name: headers[name] for name in headers if name != "retry-after"}, b"", NOW) == 51.0


def test_a_date_is_measured_by_the_servers_own_clock() -> None:
    headers = {"retry-after": "Tue, 27 Jan 2026 19:21:12 GMT", "date": "Tue, 27 Jan 2026 19:20:12 GMT"}
    assert read_retry_after(headers, b"", NOW + 3_600) == 60.0


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_the_hosts_zone_does_not_matter(zone: str) -> None:
    with host_zone("UTC+11"):
        assert read_retry_after({"retry-after": f"Tue, 27 Jan 2026 19:21:12 {zone}"}, b"", NOW) == 60.0


@given(st.datetimes(timezones=st.timezones()))
def test_no_date_is_ever_waited_for_backwards(moment: datetime) -> None:
    seconds = read_retry_after({"retry-after": format_datetime(moment)}, b"", NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    "text",
    [
        *("1e9", "1000000000", "4000000000", "99999999999999", "9" * 30),
        *("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z", "99999h"),
    ],
)
def test_what_no_unit_makes_a_wait_of_today_is_said_to_be_implausible(text: str) -> None:
    asked = read_asked_wait({"retry-after": text}, b"", NOW, is_rate_limit=True)
    assert asked is not None
    assert not asked.is_plausible
    assert asked.seconds > 1e8
    assert asked.source == f"Retry-After: {text}"[:80]


@pytest.mark.parametrize("text", ["86400", "2592000", "99999999", "1769541672", "Wed, 27 Jan 2027 19:20:12 GMT"])
def test_a_long_wait_is_plausible_all_the_same(text: str) -> None:
    asked = read_asked_wait({"retry-after": text}, b"", NOW, is_rate_limit=True)
    assert asked is not None
    assert asked.is_plausible


def test_something_plausible_counts_before_what_is_not() -> None:
    headers = {"retry-after": "1e12", "x-ratelimit-reset": "30"}
    assert read_asked_wait(headers, b"", NOW, is_rate_limit=True) == AskedWait(30.0, "X-RateLimit-Reset: 30")


def test_a_reset_in_milliseconds_is_known_by_the_retry_after_beside_it() -> None:
    headers = {"retry-after": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "59700"}
    assert read_retry_after(headers, b"", NOW) == 60.0
    # By itself, or beside a second or two, it may be what it says: never earlier than that.
    assert read_retry_after({"x-ratelimit-reset": "60000"}, b"", NOW) == 60_000.0
    assert read_retry_after({"retry-after": "2", "x-ratelimit-reset": "1800"}, b"", NOW) == 1_800.0


def test_milliseconds_that_are_named_so_are_read_as_such() -> None:
    assert read_retry_after({"retry-after-ms": "1500"}, b"", NOW) == 1.5
    assert read_retry_after({}, b'{"error":{"retryAfterMs":2500}}', NOW) == 2.5


@pytest.mark.parametrize(
    ("headers", "body", "asked"),
    [
        ({"retry-after": "86400"}, b"<html>down</html>", AskedWait(86_400.0, "Retry-After: 86400")),
        ({}, b'{"error":{"retryAfter":7200}}', AskedWait(7_200.0, "retryAfter: 7200 in the body")),
        ({"retry-after": "5"}, b'{"retry_after":9}', AskedWait(9.0, "retry_after: 9 in the body")),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "86400"}, b'{"rateLimit":{"reset":28}}', None),
        ({"retry-after": "soon"}, b"", None),
    ],
)
def test_an_answer_that_is_no_rate_limit_asks_only_by_what_is_said_for_it(
    headers: dict[str, str], body: bytes, asked: AskedWait | None
) -> None:
    assert read_asked_wait(headers, body, NOW, is_rate_limit=False) == asked


def test_what_is_shown_of_an_answer_is_short_and_printable() -> None:
    asked = read_asked_wait({"retry-after": "5, \x1b[31m" + "x" * 500}, b"", NOW, is_rate_limit=False)
    assert asked is not None
    assert asked.source.isprintable()
    assert len(asked.source) <= 80


@given(st.text(), st.text(), st.binary(max_size=60))
def test_nothing_a_server_sends_raises(retry_after: str, date: str, body: bytes) -> None:
    seconds = read_retry_after({"retry-after": retry_after, "date": date}, body, NOW)
    assert seconds is None or 0 <= seconds <= 1e15
