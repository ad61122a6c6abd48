"""What only a fresh connection may mend is asked for once more, and no oftener."""

from __future__ import annotations

import pytest

from datasync_spider.errors import (
    ApiRefused,
    ConnectionTrouble,
    OddAnswer,
    RateLimited,
    RetriesExhausted,
    RetryableError,
    ServerTrouble,
)
from datasync_spider.pacing.retry import GiveUp, Retry, RetryPolicy, RetryState, TooLong

POLICY = RetryPolicy(max_retries=30, base_seconds=0.2, max_seconds=30.0, wait_budget_seconds=900.0)
FINAL = ApiRefused(421, None, "not here")
ODD = OddAnswer("status_421", "", FINAL)


def after(*errors: RetryableError, policy: RetryPolicy = POLICY) -> Retry | GiveUp | TooLong:
    state = RetryState()
    for error in errors[:-1]:
        decision = policy.decide(state, error, 0.0, 0.5)
        assert isinstance(decision, Retry)
        state = decision.state
    return policy.decide(state, errors[-1], 0.0, 0.5)


def test_one_odd_answer_is_asked_for_again_and_a_second_one_in_a_row_is_the_end() -> None:
    assert isinstance(after(ODD), Retry)
    assert after(ODD, ODD) == GiveUp(FINAL)
    assert after(ODD, OddAnswer("status_304", "", FINAL)) == GiveUp(FINAL)


@pytest.mark.parametrize("between", [ServerTrouble("status_503"), RateLimited(), ConnectionTrouble("timeout")])
def test_odd_answers_with_something_else_between_them_are_not_in_a_row(between: RetryableError) -> None:
    assert isinstance(after(ODD, between, ODD), Retry)
    assert after(ODD, between, ODD, ODD) == GiveUp(FINAL)


def test_an_odd_answer_is_not_asked_for_again_where_nothing_is() -> None:
    decision = after(ODD, policy=RetryPolicy(0, 0.2, 30.0, 900.0))
    assert isinstance(decision, GiveUp)
    assert isinstance(decision.error, RetriesExhausted)
