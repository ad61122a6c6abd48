"""What an API says of its rate in words of its own is read as its file says, and in the unit that it names."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.pacing.dialect import Dialect
from datasync_spider.pacing.headers import (
    read_asked_wait,
    read_body_wait,
    read_poll_interval,
    read_rate_headers,
    reset_source,
)
from datasync_spider.pacing.window import RateWindow
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Budget, WaitUnit

NOW = 1_769_541_612.0
OWN = {"limit": "X-Foo-Limit", "remaining": "X-Foo-Left", "reset": "X-Foo-Reset", "retry_after": "X-Foo-Wait"}


def dialect(unit: WaitUnit = "auto", **own: Any) -> Dialect:
    return Dialect.of(Budget(unit=unit, **(own or OWN)))


@pytest.mark.parametrize(
    ("unit", "text", "seconds"),
    [
        ("s", "30", 30.0),
        ("s", "0.305", 0.305),
        ("ms", "30000", 30.0),
        ("ms", "250", 0.25),
        ("epoch-s", "1769541672", 60.0),
        ("epoch-s", "1769541672.25", 60.25),
        ("epoch-s", "1769541000", 0.0),
        ("epoch-ms", "1769541672250", 60.25),
        ("iso", "2026-01-27T19:21:12.500Z", 60.5),
        ("iso", "2026-01-27T20:21:12+01:00", 60.0),
        ("http-date", "Tue, 27 Jan 2026 19:21:12 GMT", 60.0),
        ("auto", "1769541672", 60.0),
        ("auto", "45", 45.0),
        ("auto", "2026-01-27T19:21:12Z", 60.0),
        # What makes no sense in its unit is what it would be elsewhere.
        ("epoch-s", "45", 45.0),
        ("iso", "45", 45.0),
        ("s", "1769541672", 60.0),
        ("s", "2, 7", 7.0),
    ],
)
def test_the_end_of_a_window_and_a_wait_are_read_in_the_unit_that_is_declared(
    unit: WaitUnit, text: str, seconds: float
) -> None:
    reported = read_rate_headers({"x-foo-limit": "10", "x-foo-left": "0", "x-foo-reset": text}, NOW, dialect(unit))
    assert (reported.limit, reported.remaining) == (10, 0)
    assert reported.reset_after_seconds == pytest.approx(seconds)

    asked = read_asked_wait({"x-foo-wait": text}, b"", NOW, is_rate_limit=False, dialect=dialect(unit))
    assert asked is not None
    assert asked.seconds == pytest.approx(seconds)
    assert asked.source.startswith("X-Foo-Wait: ")


@pytest.mark.parametrize("text", ["", "soon", "-5", "nan", "9" * 60, "1.2.3", "\x00"])
def test_nonsense_says_nothing(text: str) -> None:
    units: list[WaitUnit] = ["auto", "s", "ms", "epoch-s", "epoch-ms", "iso", "http-date"]
    for unit in units:
        reported = read_rate_headers({"x-foo-left": text, "x-foo-reset": text}, NOW, dialect(unit))
        assert (reported.remaining, reported.reset_after_seconds) == (None, None)
        assert read_poll_interval({"x-poll": text}, NOW, dialect(unit, poll_interval="X-Poll")) is None


def test_the_declared_reading_of_a_known_header_is_the_only_one() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30000"}
    own = dialect("ms", reset="X-RateLimit-Reset")

    assert read_rate_headers(headers, NOW).reset_after_seconds == 30_000.0
    assert read_rate_headers(headers, NOW, own).reset_after_seconds == 30.0
    asked = read_asked_wait(headers, b"", NOW, is_rate_limit=True, dialect=own)
    assert asked is not None
    assert (asked.seconds, asked.source) == (30.0, "X-RateLimit-Reset: 30000")
    own = dialect("ms", retry_after="Retry-After")
    asked = read_asked_wait({"retry-after": "5000"}, b"", NOW, is_rate_limit=True, dialect=own)
    assert asked is not None
    assert asked.seconds == 5.0


def test_of_own_and_known_words_the_more_careful_count() -> None:
    headers = {"x-foo-left": "0", "x-foo-reset": "10", "x-ratelimit-remaining": "4", "retry-after": "20"}

    assert read_rate_headers(headers, NOW, dialect("s")).remaining == 0
    asked = read_asked_wait(headers, b"", NOW, is_rate_limit=True, dialect=dialect("s"))
    assert asked is not None
    assert asked.seconds == 20.0
    assert reset_source(headers, dialect("s")) == "X-Foo-Reset: 10"


def test_a_window_by_headers_of_the_apis_own_holds_back() -> None:
    window = RateWindow()
    window.request_sent(0.0)
    window.observe(read_rate_headers({"x-foo-left": "0", "x-foo-reset": "2.5"}, NOW, dialect("s")), 0.1)

    assert 2.4 < window.wait_seconds(0.1) < 3.0


@pytest.mark.parametrize(
    ("unit", "body", "seconds"),
    [
        ("ms", b'{"error":{"wait_ms":2500}}', 2.5),
        ("ms", b'{"error":{"wait_ms":"2500"}}', 2.5),
        ("s", b'{"error":{"wait_ms":2.5}}', 2.5),
        ("epoch-s", b'{"error":{"wait_ms":1769541672}}', 60.0),
        ("ms", b'{"error":{"wait_ms":true}}', None),
        ("ms", b'{"error":{"wait_ms":null}}', None),
        ("ms", b'{"error":{}}', None),
        ("ms", b"<html>", None),
        ("ms", b"", None),
    ],
)
def test_a_wait_stands_at_its_place_in_a_body(unit: WaitUnit, body: bytes, seconds: float | None) -> None:
    own = dialect(unit, body_wait=parse_path("error.wait_ms"))
    for is_rate_limit in (True, False):
        asked = read_asked_wait({}, body, NOW, is_rate_limit=is_rate_limit, dialect=own)
        assert (None if asked is None else asked.seconds) == (None if seconds is None else pytest.approx(seconds))


def test_a_page_that_was_read_may_ask_for_a_wait_as_well() -> None:
    own = dialect("s", body_wait=parse_path("backoff"))

    asked = read_body_wait(10, NOW, own)

    assert asked is not None
    assert (asked.seconds, asked.source) == (10.0, "backoff: 10 in the body")
    assert read_body_wait(None, NOW, own) is read_body_wait([1], NOW, own) is None


def test_a_poll_interval_is_read_where_it_is_declared_and_nowhere_else() -> None:
    headers, own = {"x-poll-interval": "60"}, dialect(poll_interval="X-Poll-Interval")

    asked = read_poll_interval(headers, NOW, own)
    assert asked is not None
    assert asked.seconds == 60.0
    assert read_poll_interval(headers, NOW, Dialect()) is None
    assert read_asked_wait(headers, b"", NOW, is_rate_limit=True, dialect=own) is None
