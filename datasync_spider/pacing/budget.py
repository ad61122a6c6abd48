"""A declared budget: never more than so many requests in any window of so many seconds, whatever the API's headers say.

The window slides: it has no beginning on both sides of which a burst could be put. A request counts until so many
seconds after its answer began, or after it was given up, and not from when it left: by then the API has counted it, so
the promise holds by the API's own clock as well, however long the way there takes. That costs the time of one answer a
window.

Invariant: whoever has other windows to keep as well, such as those that headers report, keeps all of them. What other
processes send with the same credential is not known here, nor what one has sent that is gone: that is what its book is
for (:mod:`datasync_spider.pacing.book`), and this counts where there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

# Two requests at both ends of a window that is closed at both are in it.
_MARGIN_SECONDS = 0.001


class RequestBudget:
    """Of one crawl. ``now`` is monotonic seconds throughout; ``which``: one of several under way at once."""

    def __init__(self, requests: int, seconds: float) -> None:
        if requests < 1 or not seconds > 0:
            raise ValueError(f"a budget is of at least one request in some seconds, not {requests} in {seconds:g}")
        self._seconds = seconds
        self._requests = requests
        self._ended_at: deque[float] = deque(maxlen=requests)
        self._in_flight: set[Hashable] = set()

    @property
    def size(self) -> tuple[int, float]:
        """So many requests in so many seconds."""
        return self._requests, self._seconds

    def __str__(self) -> str:
        return f"{self._requests} requests in {self._seconds:g} s"

    def wait_seconds(self, now: float) -> float:
        """0.0 if a request may leave now, as far as is known: what is under way counts until its answer begins."""
        # So many of those that have ended must be out of the window.
        must_be_gone = len(self._in_flight) + len(self._ended_at) - self._requests + 1
        if must_be_gone <= 0:
            return 0.0
        if must_be_gone > len(self._ended_at):
            return self._seconds
        return max(0.0, self._ended_at[must_be_gone - 1] + self._seconds + _MARGIN_SECONDS - now)

    def request_sent(self, now: float, which: Hashable = None) -> None:
        """A request leaves now."""
        # It counts in place of one that does so no more.
        while self._ended_at and self._ended_at[0] + self._seconds + _MARGIN_SECONDS <= now:
            self._ended_at.popleft()
        self._in_flight.add(which)

    def request_ended(self, now: float, which: Hashable = None) -> None:
        """Its answer begins, or none will come. Where it is not in flight it says nothing."""
        if which in self._in_flight:
            self._in_flight.remove(which)
            self._ended_at.append(now)
