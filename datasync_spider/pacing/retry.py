"""Whether to ask for a page again after an attempt that failed, and when.

Invariants: a wait that the server asked for is kept in full or not begun at all; waits of 429 use up no attempt, but
all of them together a budget by the clock; no answer whatever makes a loop without pauses; and a page that never
comes ends in a GiveUp. The wait itself, and ending it on a signal, are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from datasync_spider.errors import (
    FatalError,
    OddAnswer,
    PageContradiction,
    RateLimited,
    RetriesExhausted,
    RetryableError,
)
from datasync_spider.pacing.backoff import backoff_seconds

# A 429 that tells nothing: from a second (the jitter takes up to a half off) to a minute.
_UNTOLD_BASE_SECONDS = 2.0
_UNTOLD_MAX_SECONDS = 60.0
# A 429 that says "at once", again and again.
_FLOOR_BASE_SECONDS = 0.25
_FLOOR_MAX_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class RetryState:
    """What has gone wrong with one page so far. Contradictions are errors too, and are counted among both."""

    errors: int = 0
    rate_limits: int = 0
    first_rate_limited_at: float | None = None
    contradictions: int = 0
    is_odd: bool = False
    """Whether the last answer was an OddAnswer."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask again after the delay, and give ``state`` if that fails too. ``reason`` is the slug of what failed."""

    delay_seconds: float
    reason: str
    state: RetryState


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not ask again."""

    error: FatalError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``max_retries`` bounds the attempts after errors, ``rate_budget_seconds`` the time from a page's first 429 on."""

    max_retries: int
    base_seconds: float
    max_seconds: float
    rate_budget_seconds: float
    contradiction_retries: int = 3

    def decide(self, state: RetryState, error: RetryableError, now: float, jitter: float) -> Retry | GiveUp:
        """``now`` is monotonic seconds, ``jitter`` a random number in [0, 1)."""
        if isinstance(error, RateLimited):
            return self._after_rate_limit(state, error, now, jitter)
        return self._after_error(state, error, jitter)

    def _after_rate_limit(self, state: RetryState, error: RateLimited, now: float, jitter: float) -> Retry | GiveUp:
        first = now if state.first_rate_limited_at is None else state.first_rate_limited_at
        state = replace(state, rate_limits=state.rate_limits + 1, first_rate_limited_at=first, is_odd=False)
        delay = _rate_limit_delay(error.retry_after_seconds, state.rate_limits, jitter)
        # Asking before the told time is no way to save the budget: it would only be refused.
        if now + delay > first + self.rate_budget_seconds:
            detail = (
                f"{state.rate_limits} rate-limited attempts in {now - first:.0f} s, the next wait of {delay:.0f} s"
                f" would end after the budget of {self.rate_budget_seconds:.0f} s"
            )
            return GiveUp(RetriesExhausted(error.reason, detail, error.detail))
        return Retry(delay, error.reason, state)

    def _after_error(self, state: RetryState, error: RetryableError, jitter: float) -> Retry | GiveUp:
        if isinstance(error, OddAnswer) and state.is_odd:
            return GiveUp(error.final)
        is_contradiction = isinstance(error, PageContradiction)
        state = replace(state, errors=state.errors + 1, contradictions=state.contradictions + is_contradiction)
        state = replace(state, is_odd=isinstance(error, OddAnswer))
        if state.errors > self.max_retries or state.contradictions > self.contradiction_retries:
            return GiveUp(RetriesExhausted(error.reason, _attempts(state), error.detail))
        return Retry(backoff_seconds(state.errors, self.base_seconds, self.max_seconds, jitter), error.reason, state)


def _rate_limit_delay(told_seconds: float | None, rate_limits: int, jitter: float) -> float:
    if told_seconds is None:
        return backoff_seconds(rate_limits, _UNTOLD_BASE_SECONDS, _UNTOLD_MAX_SECONDS, jitter)
    # Doubled, because even the worst jitter (a half off) must leave the floor.
    return max(told_seconds, backoff_seconds(rate_limits, 2 * _FLOOR_BASE_SECONDS, 2 * _FLOOR_MAX_SECONDS, jitter))


def _attempts(state: RetryState) -> str:
    if state.contradictions > 1:
        return f"{state.errors} failed attempts, {state.contradictions} of them answered with contradictory pages"
    return f"{state.errors} failed attempts"
