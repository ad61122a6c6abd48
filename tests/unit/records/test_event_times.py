"""Which member is an event's time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from datasync_spider.records.event import Event
from tests.unit.records.pagetexts import parse_in_page

pytestmark = pytest.mark.usefixtures("each_way")


def occurred_at_us(members: bytes) -> int | None:
    (event,) = parse_in_page(b'{"id":"a",' + members + b"}").events
    return event.occurred_at_us


@pytest.mark.parametrize(
    ("members", "microseconds"),
    [
        (b'"timestamp":1769541612369', 1769541612369000),
        (b'"timestamp":"2026-01-27T19:20:12.369Z"', 1769541612369000),
        (b'"occurredAt":"2026-01-27T19:20:12.369Z"', 1769541612369000),
        (b'"occurred_at":1769541612', 1769541612000000),
        (b'"timestamp":null,"occurredAt":1769541612', 1769541612000000),
        (b'"timestamp":"soon","occurredAt":"","occurred_at":1769541612', 1769541612000000),
        (b'"timestamp":{"seconds":1},"occurred_at":1769541612', 1769541612000000),
        (b'"timestamp":1,"timestamp":1769541612', 1769541612000000),
        (b'"timestamp":1769541612.1234567', 1769541612123456),
        (b'"timestamp":1769541612369123.9', 1769541612369123),
        (b'"timestamp":1769541612369123999', 1769541612369123),
        (b'"timestamp":1.769541612e9', 1769541612000000),
        (b'"timestamp":"1769541612.5"', 1769541612500000),
        (b'"timestamp":"\\u200b2026-01-27T19:20:12Z"', 1769541612000000),
        (b'"timestamp":null', None),
        (b'"timestamp":true', None),
        (b'"timestamp":[1769541612]', None),
        (b'"timestamp":1e999999', None),
        (b'"timestamp":' + b"1" * 10_000, None),
        (b'"timestamp":' + b"[" * 400 + b"]" * 400, None),
        (b'"properties":{"timestamp":1769541612}', None),
    ],
)
def test_the_first_of_the_names_that_holds_a_time_gives_it(members: bytes, microseconds: int | None) -> None:
    assert occurred_at_us(members) == microseconds
    # The same, by the slow look in Python: a fractional id among the names that do not count leads there.
    assert occurred_at_us(members + b',"event_id":1.5') == microseconds


def test_the_time_is_also_given_as_a_datetime() -> None:
    assert Event("a", 1769541612369123, b"").occurred_at == datetime(2026, 1, 27, 19, 20, 12, 369123, UTC)
    assert Event("a", -1, b"").occurred_at == datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)


@pytest.mark.parametrize("microseconds", [None, 2**62, -(2**62), -62135596800000001, 253402300800000000])
def test_a_time_outside_of_the_calendar_is_no_datetime(microseconds: int | None) -> None:
    assert Event("a", microseconds, b"").occurred_at is None
