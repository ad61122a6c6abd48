"""How an asked wait is kept: in full, within a budget by the clock, and never in a hot loop."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import RateLimited, RetriesExhausted, ServerTrouble
from datasync_spider.pacing.headers import AskedWait
from datasync_spider.pacing.retry import GiveUp, Retry, RetryPolicy, RetryState, TooLong

POLICY = RetryPolicy(max_retries=30, base_seconds=0.2, max_seconds=30.0, wait_budget_seconds=600.0)
SLACK_SECONDS = 0.051
REPORTED = st.none() | st.floats(0, 100)


def asks(seconds: float | None) -> AskedWait | None:
    return None if seconds is None else AskedWait(seconds, f"Retry-After: {seconds:g}")


def delays(reported: list[float | None], jitter: float = 0.0) -> list[float]:
    """The pauses that a row of 429s leads to, by a clock that passes with them."""
    state, now, waited = RetryState(), 1_000.0, []
    for seconds in reported:
        decision = POLICY.decide(state, RateLimited(), now, jitter, asks(seconds))
        if not isinstance(decision, Retry):
            break
        waited.append(decision.delay_seconds)
        now, state = now + decision.delay_seconds, decision.state
    return waited


@pytest.mark.parametrize("reported", [1.5, 51.0, 599.0])
def test_what_the_server_asks_is_waited_for_in_full(reported: float) -> None:
    assert delays([reported]) == [reported]


def test_a_429_that_says_nothing_is_waited_for_from_a_second_to_a_minute() -> None:
    waited = delays([None] * 40)
    assert waited[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert max(delays([None] * 40, jitter=0.999)) <= 60.0


def test_a_429_that_says_at_once_is_not_believed_for_long() -> None:
    assert delays([0.0] * 8) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_longer_reported_wait_wins_over_the_floor() -> None:
    assert delays([0.0, 0.0, 5.0, 0.0]) == [0.25, 0.5, 5.0, 2.0]


@pytest.mark.parametrize("error", [RateLimited(), ServerTrouble("status_503")])
def test_an_asked_wait_beyond_the_budget_is_not_begun_whatever_the_status(error: RateLimited | ServerTrouble) -> None:
    decision = POLICY.decide(RetryState(), error, 1_000.0, 0.0, asks(601.0))
    assert decision == TooLong(AskedWait(601.0, "Retry-After: 601"))
    assert isinstance(POLICY.decide(RetryState(), error, 1_000.0, 0.0, asks(600.0)), Retry)


def test_a_wait_of_an_error_is_kept_in_full_and_uses_up_an_attempt() -> None:
    state = RetryState()
    for attempt in range(1, 31):
        decision = POLICY.decide(state, ServerTrouble("status_503"), 1_000.0, 0.0, asks(40.0))
        assert isinstance(decision, Retry)
        assert (decision.delay_seconds, decision.state.errors) == (40.0, attempt)
        state = decision.state
    assert isinstance(POLICY.decide(state, ServerTrouble("status_503"), 1_000.0, 0.0, asks(40.0)), GiveUp)


def test_an_error_that_asks_for_less_than_the_backoff_is_waited_for_as_any_other() -> None:
    decision = POLICY.decide(RetryState(errors=9), ServerTrouble("status_503"), 1_000.0, 0.0, asks(1.0))
    assert isinstance(decision, Retry)
    assert (decision.delay_seconds, decision.state.held_since) == (15.0, None)


def test_the_budget_runs_by_the_clock_from_the_first_asked_wait() -> None:
    first = POLICY.decide(RetryState(), RateLimited(), 1_000.0, 0.0, asks(51.0))
    assert isinstance(first, Retry)
    assert isinstance(POLICY.decide(first.state, RateLimited(), 1_549.0, 0.0, asks(51.0)), Retry)
    assert isinstance(POLICY.decide(first.state, RateLimited(), 1_550.0, 0.0, asks(51.0)), TooLong)


def test_waits_of_errors_and_of_429_have_one_budget() -> None:
    state = RetryState()
    for error, now in [(ServerTrouble("status_503"), 0.0), (RateLimited(), 300.0)]:
        decision = POLICY.decide(state, error, now, 0.0, asks(250.0))
        assert isinstance(decision, Retry)
        state = decision.state
    assert state.held_since == 0.0
    assert isinstance(POLICY.decide(state, ServerTrouble("status_503"), 550.0, 0.0, asks(60.0)), TooLong)
    # What no one asked for has attempts instead.
    assert isinstance(POLICY.decide(state, ServerTrouble("status_503"), 550.0, 0.0), Retry)


def test_a_429_that_asks_for_nothing_has_the_same_budget() -> None:
    decision = POLICY.decide(RetryState(held_since=0.0), RateLimited("slower"), 599.5, 0.0)
    assert isinstance(decision, GiveUp)
    assert isinstance(decision.error, RetriesExhausted)
    assert decision.error.last_reason == "rate_limited"
    assert "the next wait of 1 s would end after the budget of 600 s" in str(decision.error)
    assert "API_RATE_LIMIT_WAIT_BUDGET_MS" in str(decision.error)


@given(st.lists(REPORTED, min_size=1, max_size=200), st.floats(0, 1, exclude_max=True))
def test_no_answers_whatever_make_a_hot_loop_or_outlast_the_budget(reported: list[float | None], jitter: float) -> None:
    waited = delays(reported, jitter)
    # A wait that fills the budget is still within it, though it is measured a moment after it was asked for.
    assert math.fsum(waited) <= POLICY.wait_budget_seconds + SLACK_SECONDS
    assert all(delay >= 0.25 for delay in waited)
    assert all(delay >= (seconds or 0.0) for delay, seconds in zip(waited, reported, strict=False))
    # However the server puts it: ten refusals take half a minute at least.
    assert len(waited) < 10 or math.fsum(waited[:10]) >= 30
