"""How often something is reported that changes with each request. Pure.

Who shows progress looks a few times a second, and with small pages a signal at each of them is a cost of its own.
"""

from __future__ import annotations

import math


class Throttle:
    """Lets one thing through, and the next one ``interval_seconds`` later. ``now`` is monotonic seconds."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._last = -math.inf

    def lets_through(self, now: float, *, always: bool = False) -> bool:
        """``always``: this one matters, whenever the last one was."""
        if not always and now - self._last < self._interval_seconds:
            return False
        self._last = now
        return True
