"""Whether a failed request is asked again, and when.

429 is the server's to time: it is waited for in full, uses up no attempt, and is bounded by a budget of the clock; a wait
that would end after the budget is not begun, since asking earlier than told is no way out. Everything else backs off
exponentially for a bounded number of attempts in a row. Pure: time and jitter are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from datasync_spider.errors import PageContradiction, RateLimited, RetriesExhausted, RetryableError
from datasync_spider.pacing.backoff import backoff_seconds

_UNTOLD_BASE_SECONDS = 1.0
_UNTOLD_MAX_SECONDS = 60.0
# Consecutive 429s that tell "now" are not believed twice.
_FLOOR_BASE_SECONDS = 0.25
_FLOOR_MAX_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class RetryState:
    """What happened to one page so far."""

    errors: int = 0
    contradictions: int = 0
    rate_limits: int = 0
    first_rate_limited_at: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask again after ``delay_seconds``; ``reason`` is a slug."""

    delay_seconds: float
    reason: str
    state: RetryState


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The error that ends the run."""

    error: RetriesExhausted


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``max_retries``: attempts in a row after the first; ``rate_budget_seconds``: from the first 429 of a page."""

    max_retries: int
    base_seconds: float
    max_seconds: float
    rate_budget_seconds: float
    contradiction_retries: int = 3

    def decide(self, state: RetryState, error: RetryableError, now: float, jitter: float) -> Retry | GiveUp:
        """``now``: monotonic seconds; ``jitter`` in [0, 1)."""
        if isinstance(error, RateLimited):
            return self._rate_limited(state, error, now, jitter)
        errors = state.errors + 1
        contradictions = state.contradictions + isinstance(error, PageContradiction)
        if errors > self.max_retries or contradictions > self.contradiction_retries:
            return GiveUp(RetriesExhausted(str(error), f"{errors} attempts"))
        delay = backoff_seconds(errors, self.base_seconds, self.max_seconds, jitter)
        return Retry(delay, error.reason, replace(state, errors=errors, contradictions=contradictions))

    def _rate_limited(self, state: RetryState, error: RateLimited, now: float, jitter: float) -> Retry | GiveUp:
        count = state.rate_limits + 1
        told = error.retry_after_seconds
        if told is None:
            delay = backoff_seconds(count, _UNTOLD_BASE_SECONDS, _UNTOLD_MAX_SECONDS, jitter)
        else:
            delay = max(told, backoff_seconds(count, _FLOOR_BASE_SECONDS, _FLOOR_MAX_SECONDS, 0.0))
        first = now if state.first_rate_limited_at is None else state.first_rate_limited_at
        if now + delay > first + self.rate_budget_seconds:
            waited = f"{count} answers of status 429 within {now - first:.0f} s, the next wait being {delay:.0f} s"
            return GiveUp(RetriesExhausted(error.reason, waited))
        return Retry(delay, error.reason, replace(state, rate_limits=count, first_rate_limited_at=first))
