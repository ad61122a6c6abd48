"""Whether to ask for a page again after an attempt that failed, and when.

Invariants: a wait that the server asked for, with whatever status, is kept in full or not begun at all; all such waits
of one page have one budget by the clock, and those of 429 use up no attempt; no answer whatever makes a loop without
pauses; and a page that never comes ends in a GiveUp or TooLong. The wait itself, and ending it on a signal, are the
caller's.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from datasync_spider.errors import (
    FatalError,
    OddAnswer,
    PageContradiction,
    RateLimited,
    RetriesExhausted,
    RetryableError,
)
from datasync_spider.pacing.backoff import backoff_seconds
from datasync_spider.pacing.headers import AskedWait

# A 429 that reports nothing: from a second (the jitter takes up to a half off) to a minute.
_UNREPORTED_BASE_SECONDS = 2.0
_UNREPORTED_MAX_SECONDS = 60.0
# A 429 that says "at once", again and again.
_FLOOR_BASE_SECONDS = 0.25
_FLOOR_MAX_SECONDS = 8.0
# A wait is measured a moment after it was asked for; one that fills the budget is still within it.
_SLACK_SECONDS = 0.05


class RetryState(Struct, frozen=True):
    """What has gone wrong with one page so far. Contradictions are errors too, and are counted among both.

    ``held_since``: when the first wait began that the API asked for, or that a 429 led to.
    """

    errors: int = 0
    rate_limits: int = 0
    held_since: float | None = None
    contradictions: int = 0
    is_odd: bool = False
    """Whether the last answer was an OddAnswer."""

    def held(self, now: float) -> RetryState:
        """With a wait of that kind that begins now."""
        return self if self.held_since is not None else replace(self, held_since=now)

    def allows(self, seconds: float, budget_seconds: float, now: float) -> bool:
        """Whether a wait ends within the page's budget."""
        since = now if self.held_since is None else self.held_since
        return seconds <= 0.0 or now + seconds <= since + budget_seconds + _SLACK_SECONDS


class Retry(Struct, frozen=True):
    """Ask again after the delay, and give ``state`` if that fails too. ``reason`` is the slug of what failed."""

    delay_seconds: float
    reason: str
    state: RetryState


class GiveUp(Struct, frozen=True):
    """Do not ask again."""

    error: FatalError


class TooLong(Struct, frozen=True):
    """Do not ask again: what the API asks for would end after the budget."""

    asked: AskedWait


class RetryPolicy(Struct, frozen=True):
    """``max_retries`` bounds the attempts after errors, ``wait_budget_seconds`` the time from the first asked wait.

    ``retries_key``: where a file says the former; empty where it is the setting.
    """

    max_retries: int
    base_seconds: float
    max_seconds: float
    wait_budget_seconds: float
    contradiction_retries: int = 3
    retries_key: str = ""

    def decide(
        self, state: RetryState, error: RetryableError, now: float, jitter: float, asked: AskedWait | None = None
    ) -> Retry | GiveUp | TooLong:
        """``asked``: the wait that the answer asks for. ``now`` is monotonic seconds, ``jitter`` is in [0, 1)."""
        if asked is not None and not state.allows(asked.seconds, self.wait_budget_seconds, now):
            return TooLong(asked)
        if isinstance(error, RateLimited):
            return self._after_rate_limit(state, error, asked, now, jitter)
        return self._after_error(state, error, asked, now, jitter)

    def _after_rate_limit(
        self, state: RetryState, error: RateLimited, asked: AskedWait | None, now: float, jitter: float
    ) -> Retry | GiveUp:
        state = replace(state, rate_limits=state.rate_limits + 1, is_odd=False).held(now)
        delay = _rate_limit_delay(None if asked is None else asked.seconds, state.rate_limits, jitter)
        if not state.allows(delay, self.wait_budget_seconds, now):
            detail = (
                f"{state.rate_limits} rate-limited attempts in {now - (state.held_since or now):.0f} s, the next wait"
                f" of {delay:.3g} s would end after the budget of {self.wait_budget_seconds:g} s"
                " (API_RATE_LIMIT_WAIT_BUDGET_MS)"
            )
            return GiveUp(RetriesExhausted(error.reason, detail, error.detail))
        return Retry(delay, error.reason, state)

    def _after_error(
        self, state: RetryState, error: RetryableError, asked: AskedWait | None, now: float, jitter: float
    ) -> Retry | GiveUp:
        if isinstance(error, OddAnswer) and state.is_odd:
            return GiveUp(error.final)
        is_contradiction = isinstance(error, PageContradiction)
        state = replace(state, errors=state.errors + 1, contradictions=state.contradictions + is_contradiction)
        state = replace(state, is_odd=isinstance(error, OddAnswer))
        if state.errors > self.max_retries or state.contradictions > self.contradiction_retries:
            return GiveUp(RetriesExhausted(error.reason, self._attempts(state), error.detail))
        delay = backoff_seconds(state.errors, self.base_seconds, self.max_seconds, jitter)
        if asked is not None and asked.seconds > delay:
            return Retry(asked.seconds, error.reason, state.held(now))
        return Retry(delay, error.reason, state)

    def _attempts(self, state: RetryState) -> str:
        if state.contradictions > 1:
            return f"{state.errors} failed attempts, {state.contradictions} of them answered with contradictory pages"
        held_by = f" ({self.retries_key})" if self.retries_key and state.errors > self.max_retries else ""
        return f"{state.errors} failed attempts{held_by}"


def _rate_limit_delay(reported_seconds: float | None, rate_limits: int, jitter: float) -> float:
    if reported_seconds is None:
        return backoff_seconds(rate_limits, _UNREPORTED_BASE_SECONDS, _UNREPORTED_MAX_SECONDS, jitter)
    # Doubled, because even the worst jitter (a half off) must leave the floor.
    return max(reported_seconds, backoff_seconds(rate_limits, 2 * _FLOOR_BASE_SECONDS, 2 * _FLOOR_MAX_SECONDS, jitter))
