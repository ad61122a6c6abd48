"""A declared budget: never more than so many requests in any window of so many seconds, whatever the API's headers say.

The window slides: it has no beginning on both sides of which a burst could be put. A request counts until so many
seconds after its answer began, or after it was given up, and not from when it left: by then the API has counted it, so
the promise holds by the API's own clock as well, however long the way there takes. That costs the time of one answer a
window.

Invariant: whoever has other windows to keep as well, such as what headers tell, keeps all of them. What other processes
send with the same credential is not known here, nor what one has sent that is gone: a crawl begins with a budget of
which nothing is used. So after a kill up to twice the budget may be sent in one window, and beside each other so many
crawls send so many budgets. To hold across processes, requests would have to be reserved in the credential's row before
they leave.
"""

from __future__ import annotations

from collections import deque

# Two requests at both ends of a window that is closed at both are in it.
_MARGIN_SECONDS = 0.001


class RequestBudget:
    """Of one crawl; one request is in flight at a time. ``now`` is monotonic seconds throughout."""

    def __init__(self, requests: int, seconds: float) -> None:
        if requests < 1 or not seconds > 0:
            raise ValueError(f"a budget is of at least one request in some seconds, not {requests} in {seconds:g}")
        self._seconds = seconds
        self._requests = requests
        self._ended_at: deque[float] = deque(maxlen=requests)
        self._is_in_flight = False

    def __str__(self) -> str:
        return f"{self._requests} requests in {self._seconds:g} s"

    def wait_seconds(self, now: float) -> float:
        """0.0 if a request may leave now."""
        if len(self._ended_at) < self._requests:
            return 0.0
        return max(0.0, self._ended_at[0] + self._seconds + _MARGIN_SECONDS - now)

    def request_sent(self, now: float) -> None:
        """A request leaves now."""
        self._ended_at.append(now)
        self._is_in_flight = True

    def request_ended(self, now: float) -> None:
        """Its answer begins, or none will come. Where nothing is in flight it says nothing."""
        if self._is_in_flight:
            self._ended_at[-1] = now
            self._is_in_flight = False
