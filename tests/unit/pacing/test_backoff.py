"""Exponential backoff: doubling, capped, with up to a half taken off by the jitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.pacing.backoff import backoff_seconds

JITTERS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.1), (2, 0.2), (3, 0.4), (8, 12.8), (9, 15.0), (30, 15.0)])
def test_the_least_wait_doubles_up_to_half_of_the_cap(attempt: int, seconds: float) -> None:
    assert backoff_seconds(attempt, 0.2, 30.0, 0.0) == pytest.approx(seconds)


def test_the_jitter_moves_a_wait_between_a_half_and_all_of_it() -> None:
    assert backoff_seconds(3, 1.0, 30.0, 0.0) == 2.0
    assert backoff_seconds(3, 1.0, 30.0, 0.5) == 3.0
    assert backoff_seconds(3, 1.0, 30.0, 0.999) == pytest.approx(4.0, rel=0.01)


@given(st.integers(1, 10**9), st.floats(1e-9, 1e9), st.floats(0, 1e9), JITTERS)
def test_every_wait_is_finite_and_within_its_bounds(attempt: int, base: float, cap: float, jitter: float) -> None:
    seconds = backoff_seconds(attempt, base, cap, jitter)
    assert min(base, cap) * 0.5 <= seconds <= cap
    assert seconds <= backoff_seconds(attempt + 1, base, cap, jitter)
