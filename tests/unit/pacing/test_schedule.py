"""When a slice is due: never later than its rhythm says while it is well, and up to an hour later while it fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.schedule import interval_seconds, jitter_of

HOUR = 3_600.0
EVERY = st.floats(1.0, 366 * 86_400.0)
JITTER = st.floats(0.0, 1.0, exclude_max=True)


@given(EVERY, JITTER)
def test_a_slice_that_is_well_is_due_a_little_before_its_rhythm_says_and_never_after(
    every: float, jitter: float
) -> None:
    assert 0.9 * every <= interval_seconds(every, jitter) <= every


@pytest.mark.parametrize(
    ("every", "pauses"),
    [
        (300.0, [600, 1_200, 2_400, HOUR, HOUR]),
        (1.0, [2, 4, 8, 16, 32]),
        (86_400.0, [86_400, 86_400, 86_400, 86_400, 86_400]),
    ],
)
def test_each_failure_doubles_the_pause_to_an_hour_and_a_longer_rhythm_stays(every: float, pauses: list[float]) -> None:
    assert [interval_seconds(every, 0.0, failures) for failures in range(1, 6)] == pauses


@given(EVERY, JITTER, st.integers(0, 10**9))
def test_no_number_of_failures_is_too_large(every: float, jitter: float, failures: int) -> None:
    assert interval_seconds(every, jitter, failures) <= max(every, HOUR)


def test_jitter_is_a_slices_own_at_any_time_and_on_any_machine_and_spreads_them_evenly() -> None:
    assert jitter_of('shop.orders {"tenant":"a"}') == 0.6198266847027973
    shares = [jitter_of(f'shop.orders {{"tenant":"{number}"}}') for number in range(1_000)]
    tenths = [sum(tenth <= share * 10 < tenth + 1 for share in shares) for tenth in range(10)]
    assert sum(tenths) == 1_000
    assert min(tenths) > 60
