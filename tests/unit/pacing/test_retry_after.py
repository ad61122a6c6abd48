"""How long a refusal asks to wait, in every form that was seen."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.headers import read_retry_after
from tests.support.zone import host_zone

NOW = 1_769_541_612.0
LIVE_BODY = (
    b'{"error":"Too Many Requests","code":"RATE_LIMIT_EXCEEDED","rateLimit":{"limit":10,"remaining":0,"reset":28}}'
)


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
        ("1e3", None),
        ("5 seconds", None),
        ("Tue, 99 Jan 2026 19:21:12 GMT", None),
        ("Tue, 27 Foo 2026 19:21:12 GMT", None),
        ("Tue, 27 Jan 2026 99:21:12 GMT", None),
        ("9" * 30, None),
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
def test_the_longest_of_all_that_is_told_wins(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
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


@given(st.text(), st.text(), st.binary(max_size=60))
def test_nothing_a_server_sends_raises(retry_after: str, date: str, body: bytes) -> None:
    seconds = read_retry_after({"retry-after": retry_after, "date": date}, body, NOW)
    assert seconds is None or 0 <= seconds < 1e14
