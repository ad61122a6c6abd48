"""What only a fresh connection may mend is asked for once more; and a page that may be too large is said to be so."""

from __future__ import annotations

import pytest

from datasync_spider.errors import (
    ApiRefused,
    ConnectionTrouble,
    OddAnswer,
    PageUnreadable,
    RateLimited,
    RetriesExhausted,
    RetryableError,
    ServerTrouble,
)
from datasync_spider.pacing.retry import GiveUp, Retry, RetryPolicy, RetryState

POLICY = RetryPolicy(max_retries=30, base_seconds=0.2, max_seconds=30.0, rate_budget_seconds=900.0)
FINAL = ApiRefused(421, None, "not here")
ODD = OddAnswer("status_421", "", FINAL)


def after(*errors: RetryableError, policy: RetryPolicy = POLICY) -> Retry | GiveUp:
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


@pytest.mark.parametrize("between", [ServerTrouble("status_503"), RateLimited(1.0), ConnectionTrouble("timeout")])
def test_odd_answers_with_something_else_between_them_are_not_in_a_row(between: RetryableError) -> None:
    assert isinstance(after(ODD, between, ODD), Retry)
    assert after(ODD, between, ODD, ODD) == GiveUp(FINAL)


def test_an_odd_answer_is_not_asked_for_again_where_nothing_is() -> None:
    decision = after(ODD, policy=RetryPolicy(0, 0.2, 30.0, 900.0))
    assert isinstance(decision, GiveUp)
    assert isinstance(decision.error, RetriesExhausted)


def gave_up_on(error: RetryableError) -> str:
    decision = after(error, error, policy=RetryPolicy(1, 0.2, 30.0, 900.0))
    assert isinstance(decision, GiveUp)
    return str(decision.error)


@pytest.mark.parametrize(
    "error",
    [
        *(ServerTrouble(f"status_{status}", "Gateway Timeout") for status in (408, 500, 502, 503, 504, 520, 524)),
        ConnectionTrouble("timeout", "no whole answer within 2 s"),
        ConnectionTrouble("body_cut"),
        PageUnreadable("truncated_json"),
    ],
)
def test_giving_up_on_what_may_be_a_pages_size_names_the_page_limit(error: RetryableError) -> None:
    assert "API_PAGE_LIMIT" in gave_up_on(error)


@pytest.mark.parametrize("reason", ["connection_refused", "host_not_found", "tls_failed", "proxy_refused"])
def test_giving_up_on_an_api_that_is_away_names_no_page_limit(reason: str) -> None:
    assert "API_PAGE_LIMIT" not in gave_up_on(ConnectionTrouble(reason))
