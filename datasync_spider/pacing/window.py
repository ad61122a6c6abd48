"""The server's rate window as its answers let us see it.

One request is in flight at a time. While something remains, requests leave at once: a window that is used early is used
fully, and a fixed window forgives nothing that was left over. When nothing remains, the next one leaves after the latest
reset that any answer of this window told, counted from when it told it: whole seconds may be floored or ceiled, and
so no request is ever earlier than told. Without headers there is nothing to keep, and nothing waits.
"""

from __future__ import annotations

from datasync_spider.pacing.headers import RateHeaders

_MARGIN_SECONDS = 0.05


class RateWindow:
    """``now`` is monotonic seconds throughout."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.remaining: int | None = None
        self._reset_at: float | None = None
        self._closed_until = 0.0

    def observe(self, headers: RateHeaders, now: float) -> None:
        """Takes in what an answer told at the moment when its headers came."""
        if headers.limit is not None:
            self.limit = headers.limit
        is_new_window = (
            self._reset_at is None
            or now >= self._reset_at
            or (headers.remaining is not None and self.remaining is not None and headers.remaining > self.remaining)
        )
        if headers.remaining is not None:
            self.remaining = headers.remaining
        if headers.reset_after_seconds is not None:
            told = now + headers.reset_after_seconds
            self._reset_at = told if is_new_window or self._reset_at is None else max(self._reset_at, told)

    def rate_limited(self, wait_seconds: float, now: float) -> None:
        """The server refused, and told how long."""
        self._closed_until = max(self._closed_until, now + wait_seconds)

    def request_sent(self, now: float) -> None:
        """A request leaves now."""
        if self._reset_at is not None and now >= self._reset_at:
            # A new window has begun, of which nothing is known but the limit.
            self._reset_at = None
            self.remaining = self.limit
        if self.remaining is not None and self.remaining > 0:
            self.remaining -= 1

    def wait_seconds(self, now: float) -> float:
        """How long the next request must wait; 0 if it may leave."""
        waits = [self._closed_until - now]
        if self.remaining == 0 and self._reset_at is not None:
            waits.append(self._reset_at + _MARGIN_SECONDS - now)
        return max(0.0, *waits)
