"""What is asked from below a floor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.storage.connection import instant_of, us_of
from datasync_spider.storage.since import Since

FLOOR = 1_700_000_000_123_456


def test_an_inclusive_api_is_asked_for_the_floor_itself_as_it_is_written() -> None:
    assert Since(unit_us=1).below(FLOOR) == FLOOR
    assert Since(unit_us=1_000).below(FLOOR) == 1_700_000_000_123_000
    assert Since(unit_us=1_000_000).below(FLOOR) == 1_700_000_000_000_000
    assert Since(unit_us=1_000_000, overlap_us=60_500_000).below(FLOOR) == 1_699_999_939_000_000


def test_an_api_that_gives_later_ones_only_is_asked_one_step_lower() -> None:
    assert Since(unit_us=1_000_000, is_inclusive=False).below(FLOOR) == 1_699_999_999_000_000
    assert Since(unit_us=1, is_inclusive=False).below(FLOOR) == FLOOR - 1


def test_nothing_is_asked_from_before_1970() -> None:
    assert Since(overlap_us=10**18).below(FLOOR) == 0


@given(
    floor_us=st.integers(1, 10**17),
    overlap_us=st.integers(0, 10**12),
    unit_us=st.sampled_from([1, 1_000, 1_000_000]),
    is_inclusive=st.booleans(),
)
def test_what_has_the_floors_own_time_always_comes_again(
    floor_us: int, overlap_us: int, unit_us: int, is_inclusive: bool
) -> None:
    asked_us = Since(overlap_us=overlap_us, unit_us=unit_us, is_inclusive=is_inclusive).below(floor_us)
    assert asked_us % unit_us == 0
    assert asked_us <= floor_us - overlap_us or asked_us == 0
    assert is_inclusive or asked_us < floor_us


def test_instants_are_whole_microseconds() -> None:
    assert us_of(instant_of(FLOOR)) == FLOOR
    assert instant_of(None) is None
    assert us_of(None) is None
