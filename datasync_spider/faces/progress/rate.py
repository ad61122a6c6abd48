"""Events a second, over the whole time and over the last while. Pure: the time is an argument."""

from __future__ import annotations

from collections import deque

_SHORTEST_SECONDS = 1.0


class RateMeter:
    """Counts that come in lumps, such as batches. It remembers the lumps of ``window_seconds`` and no more."""

    def __init__(self, window_seconds: float, started_at: float) -> None:
        self._window_seconds = window_seconds
        self._started_at = started_at
        self._lumps: deque[tuple[float, int]] = deque()
        self._in_window = 0

    def add(self, count: int, now: float) -> None:
        self._lumps.append((now, count))
        self._in_window += count
        self._forget(now)

    def per_second(self, now: float) -> float:
        """Over the window, or since the start where that is shorter; a first instant counts as a second."""
        self._forget(now)
        elapsed = min(self._window_seconds, now - self._started_at)
        return self._in_window / max(elapsed, _SHORTEST_SECONDS)

    def _forget(self, now: float) -> None:
        while self._lumps and self._lumps[0][0] <= now - self._window_seconds:
            self._in_window -= self._lumps.popleft()[1]
