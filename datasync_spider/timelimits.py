"""Limits of time for pieces of work that come one after the other and nearly always end long before.

asyncio's own timeout makes a timer for each and takes it back, which for a request of a millisecond costs as much as
reading its answer. Here one timer stands for all: when it fires, it looks whose time is over, and when to look again.

Invariant: what runs is interrupted when its time is over and not before, in the way of ``asyncio.timeout``.
"""

from __future__ import annotations

import asyncio


class TimeLimits:
    """Used from one event loop. ``seconds``: what each piece of work has."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Timeout:
        """To be entered at once with ``async with``, which raises TimeoutError; to be given to :meth:`end` after it."""
        limit = asyncio.timeout(None)
        self._ends[limit] = asyncio.get_running_loop().time() + self._seconds
        if self._timer is None:
            self._look_in_time()
        return limit

    def end(self, limit: asyncio.Timeout) -> None:
        self._ends.pop(limit, None)

    def shorten(self, seconds: float) -> None:
        """What runs has no more than this from now on, and what begins has it from its beginning."""
        self._seconds = seconds
        latest = asyncio.get_running_loop().time() + seconds
        for limit, end in self._ends.items():
            self._ends[limit] = min(end, latest)
        # Also where nothing runs: a timer that was set for longer would be too late for what begins.
        self._look_in_time()

    def close(self) -> None:
        """Nothing that runs is interrupted any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_in_time(self) -> None:
        self.close()
        if self._ends:
            self._timer = asyncio.get_running_loop().call_at(min(self._ends.values()), self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for limit in [limit for limit, end in self._ends.items() if end <= now]:
            del self._ends[limit]
            limit.reschedule(now)
        self._look_in_time()
