"""How a 429 is waited for: in full, within a budget by the clock, and never in a hot loop."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import RateLimited, RetriesExhausted, ServerTrouble
from datasync_spider.pacing.retry import GiveUp, Retry, RetryPolicy, RetryState

POLICY = RetryPolicy(max_retries=30, base_seconds=0.2, max_seconds=30.0, rate_budget_seconds=600.0)
TOLD = st.none() | st.floats(0, 100)


def delays(told: list[float | None], jitter: float = 0.0) -> list[float]:
    """The pauses that a row of 429s leads to, by a clock that passes with them."""
    state, now, waited = RetryState(), 1_000.0, []
    for seconds in told:
        decision = POLICY.decide(state, RateLimited(seconds), now, jitter)
        if isinstance(decision, GiveUp):
            break
        waited.append(decision.delay_seconds)
        now, state = now + decision.delay_seconds, decision.state
    return waited


@pytest.mark.parametrize("told", [1.5, 51.0, 599.0])
def test_what_the_server_tells_is_waited_for_in_full(told: float) -> None:
    assert delays([told]) == [told]


def test_a_429_that_tells_nothing_is_waited_for_from_a_second_to_a_minute() -> None:
    waited = delays([None] * 40)
    assert waited[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert max(delays([None] * 40, jitter=0.999)) <= 60.0


def test_a_429_that_says_at_once_is_not_believed_for_long() -> None:
    assert delays([0.0] * 8) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_longer_told_wait_wins_over_the_floor() -> None:
    assert delays([0.0, 0.0, 5.0, 0.0]) == [0.25, 0.5, 5.0, 2.0]


def test_a_told_wait_beyond_the_budget_is_not_begun() -> None:
    decision = POLICY.decide(RetryState(), RateLimited(601.0), 1_000.0, 0.0)
    assert isinstance(decision, GiveUp)
    assert isinstance(decision.error, RetriesExhausted)
    assert decision.error.last_reason == "rate_limited"
    assert "the next wait of 601 s would end after the budget of 600 s" in str(decision.error)


def test_the_budget_runs_by_the_clock_from_the_first_429() -> None:
    first = POLICY.decide(RetryState(), RateLimited(51.0), 1_000.0, 0.0)
    assert isinstance(first, Retry)
    assert isinstance(POLICY.decide(first.state, RateLimited(51.0), 1_549.0, 0.0), Retry)
    assert isinstance(POLICY.decide(first.state, RateLimited(51.0), 1_550.0, 0.0), GiveUp)


def test_an_error_in_between_does_not_renew_the_budget() -> None:
    state = RetryState()
    for error, now in [(RateLimited(1.0), 0.0), (ServerTrouble("status_503"), 300.0)]:
        decision = POLICY.decide(state, error, now, 0.0)
        assert isinstance(decision, Retry)
        state = decision.state
    assert state.first_rate_limited_at == 0.0
    assert isinstance(POLICY.decide(state, RateLimited(1.0), 600.0, 0.0), GiveUp)


@given(st.lists(TOLD, min_size=1, max_size=200), st.floats(0, 1, exclude_max=True))
def test_no_answers_whatever_make_a_hot_loop_or_outlast_the_budget(told: list[float | None], jitter: float) -> None:
    waited = delays(told, jitter)
    assert math.fsum(waited) <= POLICY.rate_budget_seconds + 1e-6
    assert all(delay >= 0.25 for delay in waited)
    assert all(delay >= (seconds or 0.0) for delay, seconds in zip(waited, told, strict=False))
    # However the server puts it: ten refusals take half a minute at least.
    assert len(waited) < 10 or math.fsum(waited[:10]) >= 30
