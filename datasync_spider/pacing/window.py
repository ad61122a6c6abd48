"""One rate window, learned from every answer: how many requests may still leave, and when the next window begins.

Where the server tells whole seconds it may have rounded them down or up, and nobody knows which; and it told them at
some moment between our sending and the answer's arrival. So each answer bounds the window's end from both sides: from
about ``sent + told`` to ``received + told + 1``. The answers of one window tighten these bounds, and at the upper one
the next window has surely begun. The latest ``received + told`` would be too early by up to a second where the server
rounds down, and too late by the time of the slowest answer.

A window that is known to last 60 s also ends within 60 s of each of its answers, which takes the doubt of the
rounding away.

Invariants: nothing leaves before the end of a wait that was asked for; without rate headers nothing is ever held
back.
"""

from __future__ import annotations

import math

from datasync_spider.pacing.headers import RateHeaders
from datasync_spider.pacing.windowlength import WindowLength

_MARGIN_SECONDS = 0.05
_ROUNDING_SECONDS = 1.0
# A told time may also have been computed against a clock of whole seconds.
_TOLERANCE_SECONDS = 2.0


class RateWindow:
    """One key's window; one request is in flight at a time. ``now`` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._remaining: int | None = None
        self._told_remaining: int | None = None
        self._ends_after = -math.inf
        self._ends_by = math.inf
        self._held_until = -math.inf
        self._sent_at: float | None = None
        self._length = WindowLength()
        self._is_first_answer = False

    @property
    def limit(self) -> int | None:
        return self._limit

    @property
    def remaining(self) -> int | None:
        """How many requests may leave before the window's end, as far as is known."""
        return self._remaining

    def wait_seconds(self, now: float) -> float:
        """0.0 if a request may leave now."""
        until = self._held_until
        if self._remaining == 0 and self._ends_by < math.inf:
            until = max(until, self._ends_by + _MARGIN_SECONDS)
        return max(0.0, until - now)

    def request_sent(self, now: float) -> None:
        """A request leaves now."""
        self._sent_at = now
        self._is_first_answer = now >= self._ends_by and self._remaining == 0
        if now >= self._ends_by:
            self._begin_window()
            self._remaining = self._limit
        if self._remaining:
            self._remaining -= 1

    def rate_limited(self, wait_seconds: float, now: float) -> None:
        """An answer asked to wait. The hold is what it told, and the second that this may have been rounded by."""
        self._length.was_refused()
        rounding = _ROUNDING_SECONDS if wait_seconds == round(wait_seconds) else 0.0
        self._held_until = max(self._held_until, now + wait_seconds + rounding + _MARGIN_SECONDS)

    def observe(self, headers: RateHeaders, now: float) -> None:
        """The headers of an answer have arrived."""
        if headers.limit is not None:
            self._limit = headers.limit
        if headers.remaining is not None:
            if self._told_remaining is not None and headers.remaining > self._told_remaining:
                self._begin_window()
            self._remaining = self._told_remaining = headers.remaining
        self._learn_length(headers, now)
        self._bound_end(headers, now)

    def _begin_window(self) -> None:
        self._told_remaining = None
        self._ends_after, self._ends_by = -math.inf, math.inf

    def _learn_length(self, headers: RateHeaders, now: float) -> None:
        if headers.window_seconds is not None:
            self._length.was_told(headers.window_seconds)
        told = headers.reset_after_seconds
        is_ours_alone = self._limit is not None and headers.remaining == self._limit - 1
        if self._is_first_answer and is_ours_alone and headers.reset_is_whole and told is not None:
            self._length.window_opened(told, now - self._last_sent(now))
        self._is_first_answer = False

    def _last_sent(self, now: float) -> float:
        return now if self._sent_at is None else self._sent_at

    def _bound_end(self, headers: RateHeaders, now: float) -> None:
        after, by = self._bounds(headers, now)
        if after > self._ends_by or by < self._ends_after:
            # No end fits all that was told, so this answer is of another window: the next, or one by a new rule.
            self._begin_window()
        self._ends_after = max(self._ends_after, after)
        self._ends_by = min(self._ends_by, by)

    def _bounds(self, headers: RateHeaders, now: float) -> tuple[float, float]:
        """What this answer alone says of the window's end."""
        told, length = headers.reset_after_seconds, self._length.seconds
        if told is None:
            return -math.inf, math.inf if length is None else now + length
        told_at_most = told + (_ROUNDING_SECONDS if headers.reset_is_whole else 0.0)
        # An answer that tells more than the window's length disproves the length.
        if length is not None and told <= length:
            told_at_most = min(told_at_most, length)
        return self._last_sent(now) + told - _TOLERANCE_SECONDS, now + told_at_most
