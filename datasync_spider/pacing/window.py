"""One rate window, learned from every answer: how many requests may still leave, and when the next window begins.

Where the server reports whole seconds it may have rounded them down or up, and no one knows which; and it reported them
at some moment between our sending and the answer's arrival. So each answer bounds the window's end from both sides:
from about ``sent + reported`` to ``received + reported + 1``. The answers of one window tighten these bounds, and at
the upper one the next window has surely begun. The latest ``received + reported`` would be too early by up to a second
where the server rounds down, and too late by the time of the slowest answer.

A window that is known to last 60 s also ends within 60 s of each of its answers, which takes the doubt of the
rounding away. Where the moment of the end is given in whole seconds, the answer that opened the window does so nearly
as well: windows last whole seconds, so from that answer on no longer than the whole seconds until that moment.

Invariants: nothing leaves before the end of a wait that was asked for; without rate headers nothing is ever held
back.
"""

from __future__ import annotations

import math

import msgspec

from datasync_spider.pacing.headers import RateHeaders
from datasync_spider.pacing.windowlength import WindowLength

_MARGIN_SECONDS = 0.05
_ROUNDING_SECONDS = 1.0
# A reported time may also have been computed against a clock of whole seconds.
_TOLERANCE_SECONDS = 2.0
# Within that time after the request left, a second of the server's clock has hardly ended before its Date was written.
_SAME_SECOND_SECONDS = 0.1


class RateWindow:
    """One key's window. ``now`` is monotonic seconds throughout.

    ``longest_seconds``: a window that would last longer than that is one in milliseconds, where its length shows it.
    ``declared``: so many requests in so many seconds; a window of so many lasts so long.
    """

    def __init__(self, longest_seconds: float = math.inf, declared: tuple[int, float] | None = None) -> None:
        self._longest_seconds = longest_seconds
        self._declared = declared
        self._limit: int | None = None
        self._remaining: int | None = None
        self._reported_remaining: int | None = None
        self._ends_after = -math.inf
        self._ends_by = math.inf
        self._held_until = -math.inf
        # What the server's words alone ask for, without the allowances for rounding that are ours.
        self._hold_asked_until = -math.inf
        self._end_asked_at = -math.inf
        self._sent_at: float | None = None
        self._length = WindowLength()
        self._is_first_answer = False
        self._reported: tuple[int, int, float, float] | None = None

    @property
    def limit(self) -> int | None:
        return self._limit

    @property
    def remaining(self) -> int | None:
        """How many requests may leave before the window's end, as far as is known."""
        return self._remaining

    @property
    def reported(self) -> tuple[int, int, float, float] | None:
        """What the last answer alone says: limit, what remains, the bounds of the end. None where one is not known.

        Others may use the window as well, so that two answers need not be of the same one although less remains.
        """
        return self._reported

    def held_seconds(self, now: float) -> float:
        """How much longer waits that were asked for last, whatever the window allows."""
        return max(0.0, self._held_until - now)

    def wait_seconds(self, now: float) -> float:
        """0.0 if a request may leave now."""
        until = self._held_until
        if self._remaining == 0 and self._ends_by < math.inf:
            until = max(until, self._ends_by + _MARGIN_SECONDS)
        return max(0.0, until - now)

    def asked_seconds(self, now: float) -> float:
        """How much of the wait is what the server gave, and no allowance of ours."""
        until = self._hold_asked_until
        if self._remaining == 0 and self._ends_by < math.inf:
            until = max(until, self._end_asked_at)
        return max(0.0, until - now)

    def is_held(self, now: float) -> bool:
        """Whether an answer that asked to wait is what is being waited for, and not the window's end."""
        waits_for_end = self._remaining == 0 and self._ends_by < math.inf
        return self._held_until > now and not (waits_for_end and self._ends_by + _MARGIN_SECONDS > self._held_until)

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
        """An answer asked to wait. The hold is what it reported, and the second that this may have been rounded by."""
        self._length.was_refused()
        rounding = _ROUNDING_SECONDS if wait_seconds == round(wait_seconds) else 0.0
        self._held_until = max(self._held_until, now + wait_seconds + rounding + _MARGIN_SECONDS)
        self._hold_asked_until = max(self._hold_asked_until, now + wait_seconds)

    def held_by_others(self, seconds: float, now: float) -> None:
        """Others use the window up, or have heard that one is to wait: nothing that this server has reported here."""
        self._held_until = max(self._held_until, now + seconds)
        self._hold_asked_until = max(self._hold_asked_until, now + seconds)

    def observe(self, headers: RateHeaders, now: float, others: int = 0) -> None:
        """The headers of an answer have arrived. ``others``: requests under way that it may not have counted yet."""
        if headers.limit is not None:
            self._limit = headers.limit
        if headers.remaining is not None:
            if self._reported_remaining is not None and headers.remaining > self._reported_remaining:
                self._begin_window()
            self._reported_remaining = headers.remaining
            self._remaining = max(0, headers.remaining - others)
        self._learn_length(headers, now)
        self._bound_end(self._in_seconds(headers), now)
        self._reported = self._read_report(headers, now)

    def _begin_window(self) -> None:
        self._reported_remaining = None
        self._ends_after, self._ends_by = -math.inf, math.inf

    def _learn_length(self, headers: RateHeaders, now: float) -> None:
        if headers.window_seconds is not None:
            self._length.was_reported(headers.window_seconds)
        elif self._declared is not None and self._limit == self._declared[0]:
            self._length.was_reported(self._declared[1])
        reported = headers.reset_after_seconds
        if self._is_first_answer and self._is_opened_by(headers) and headers.reset_is_whole and reported is not None:
            self._length.window_opened(reported, now - self._last_sent(now))
        self._is_first_answer = False

    def _in_seconds(self, headers: RateHeaders) -> RateHeaders:
        reported, length = headers.reset_after_seconds, self._length.seconds
        if reported is None or length is None or headers.reset_is_moment:
            return headers
        if reported <= self._longest_seconds or reported / 1_000 > length:
            return headers
        return msgspec.structs.replace(headers, reset_after_seconds=reported / 1_000, reset_is_whole=False)

    def _read_report(self, headers: RateHeaders, now: float) -> tuple[int, int, float, float] | None:
        after, by = self._bounds(self._in_seconds(headers), now)
        if self._limit is None or headers.remaining is None or math.isinf(after) or math.isinf(by):
            return None
        # It is advice, which binds others no longer than the longest wait.
        by = min(by, now + self._longest_seconds)
        return self._limit, headers.remaining, min(after, by), by

    def _last_sent(self, now: float) -> float:
        return now if self._sent_at is None else self._sent_at

    def _bound_end(self, headers: RateHeaders, now: float) -> None:
        after, by = self._bounds(headers, now)
        if after > self._ends_by or by < self._ends_after:
            # No end fits all that was reported, so this answer is of another window: the next, or one by a new rule.
            self._begin_window()
        self._ends_after = max(self._ends_after, after)
        self._ends_by = min(self._ends_by, by)
        self._end_asked_at = min(self._ends_by, now + (headers.reset_after_seconds or 0.0))

    def _bounds(self, headers: RateHeaders, now: float) -> tuple[float, float]:
        """What this answer alone says of the window's end."""
        reported, length = headers.reset_after_seconds, self._length.seconds
        if reported is None:
            return -math.inf, math.inf if length is None else now + length
        reported_at_most = reported + (_ROUNDING_SECONDS if headers.reset_is_whole else 0.0)
        if headers.reset_is_moment and headers.reset_is_whole and self._is_opened_by(headers):
            reported_at_most = min(reported_at_most, self._whole_seconds(reported, now))
        # An answer that reports more than the window's length disproves the length.
        if length is not None and reported <= length:
            reported_at_most = min(reported_at_most, length)
        return self._last_sent(now) + reported - _TOLERANCE_SECONDS, now + reported_at_most

    def _is_opened_by(self, headers: RateHeaders) -> bool:
        """Whether this answer's request is the only one of its window."""
        return self._limit is not None and headers.remaining == self._limit - 1

    def _whole_seconds(self, reported: float, now: float) -> float:
        """The longest that a window of whole seconds can last whose request was answered with this.

        The seconds until the moment were counted when the answer came. By a Date they are whole as well, and the same
        as when the request was taken, if that was not long before.
        """
        lasted = now - self._last_sent(now)
        is_exact = reported == round(reported) and lasted <= _SAME_SECOND_SECONDS
        return float(math.ceil(reported if is_exact else reported + lasted))
