"""A fixed rate window for each key. Pure: the time is an argument.

The invariant: of the requests of one key, at most `limit` are admitted between a window's first request and its end.
How the outcome is given to a client does not belong here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome for one request."""

    admitted: bool
    limit: int
    remaining: int
    reset_ms: float
    """Until the window ends."""


@dataclass(slots=True)
class _Window:
    ends_ms: float
    used: int = 0


class RateWindows:
    """The windows of all keys; a window opens with a key's first request after the last one's end."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self.limit = limit
        self._window_ms = window_ms
        self._windows: dict[str, _Window] = {}

    def take(self, key: str, now_ms: float) -> Admission:
        """Count a request. A refused one does not count, nor does it lengthen the window."""
        window = self._windows.get(key)
        if window is None or now_ms >= window.ends_ms:
            window = self._windows[key] = _Window(now_ms + self._window_ms)
        admitted = window.used < self.limit
        if admitted:
            window.used += 1
        return Admission(admitted, self.limit, self.limit - window.used, window.ends_ms - now_ms)
