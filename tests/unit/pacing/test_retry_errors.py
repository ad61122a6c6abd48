"""How errors other than 429 are retried: with growing pauses, and not for ever."""

from __future__ import annotations

import pytest

from datasync_spider.errors import (
    ConnectionTrouble,
    PageContradiction,
    PageUnreadable,
    RateLimited,
    RetriesExhausted,
    RetryableError,
    ServerTrouble,
)
from datasync_spider.pacing.headers import AskedWait
from datasync_spider.pacing.retry import GiveUp, Retry, RetryPolicy, RetryState, TooLong

# The figures that are used where nothing else is set.
DEFAULT = RetryPolicy(max_retries=30, base_seconds=0.2, max_seconds=30.0, wait_budget_seconds=900.0)


def pauses(policy: RetryPolicy, error: RetryableError, jitter: float) -> tuple[list[float], RetriesExhausted]:
    """All the pauses that one page may cost, and what ends them."""
    state = RetryState()
    delays: list[float] = []
    while True:
        decision = policy.decide(state, error, 0.0, jitter)
        assert not isinstance(decision, TooLong)
        if isinstance(decision, GiveUp):
            assert isinstance(decision.error, RetriesExhausted)
            return delays, decision.error
        delays.append(decision.delay_seconds)
        state = decision.state


def test_the_default_figures_ride_out_five_minutes_even_with_the_worst_jitter() -> None:
    delays, _ = pauses(DEFAULT, ServerTrouble("status_503"), 0.0)
    assert sum(delays) >= 300


def test_the_first_pauses_are_short_and_none_is_longer_than_the_cap() -> None:
    delays, _ = pauses(DEFAULT, ServerTrouble("status_503"), 0.999)
    assert delays[0] < 0.21
    assert delays == sorted(delays)
    assert max(delays) <= 30.0


@pytest.mark.parametrize(
    "error", [PageUnreadable("truncated_json"), ServerTrouble("status_502"), ConnectionTrouble("timeout", "within 9 s")]
)
def test_an_error_is_retried_as_often_as_allowed_and_named_at_the_end(error: RetryableError) -> None:
    delays, end = pauses(DEFAULT, error, 0.5)
    assert len(delays) == 30
    assert end.last_reason == error.reason
    assert str(end) == f"gave up after 31 failed attempts; the last failure was {error}"


def test_no_retries_are_none() -> None:
    delays, _ = pauses(RetryPolicy(0, 0.2, 30.0, 900.0), ServerTrouble("status_503"), 0.5)
    assert delays == []


def test_a_contradiction_is_retried_briefly() -> None:
    delays, end = pauses(DEFAULT, PageContradiction("has_more_without_cursor"), 0.5)
    assert len(delays) == 3
    assert end.last_reason == "has_more_without_cursor"
    assert "4 of them answered with contradictory pages" in str(end)


def test_contradictions_count_over_other_errors_between_them() -> None:
    state = RetryState()
    reasons = ["has_more_without_cursor", "status_503"] * 4
    outcomes = []
    for reason in reasons:
        error = ServerTrouble(reason) if reason == "status_503" else PageContradiction(reason)
        decision = DEFAULT.decide(state, error, 0.0, 0.5)
        outcomes.append(type(decision))
        if not isinstance(decision, Retry):
            break
        state = decision.state
    assert outcomes == [Retry] * 6 + [GiveUp]


def test_a_decision_says_why_it_waits() -> None:
    decision = DEFAULT.decide(RetryState(), ServerTrouble("status_503"), 0.0, 0.5)
    assert isinstance(decision, Retry)
    assert decision.reason == "status_503"


def test_rate_limits_use_up_no_attempt() -> None:
    state = RetryState(errors=29)
    for _ in range(50):
        decision = DEFAULT.decide(state, RateLimited(), 0.0, 0.5, AskedWait(1.0, "Retry-After: 1"))
        assert isinstance(decision, Retry)
        state = decision.state
    assert isinstance(DEFAULT.decide(state, ServerTrouble("status_503"), 0.0, 0.5), Retry)
