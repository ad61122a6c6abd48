"""For how long a run has made no progress that nothing excuses. Pure: the time is an argument.

What excuses a standstill is a pause that was announced with its length, or a database that is being tried again:
while one of them lasts the clock stands still. An excuse ends at the latest when it said that it would, so that a pause
which hangs is a stall like any other.
"""

from __future__ import annotations

# A pause ends a little after its time, since the event loop has other things to do as well.
_GRACE_SECONDS = 5.0


class IdleClock:
    """Starts with the first instant; :meth:`progressed` starts it anew."""

    def __init__(self, now: float) -> None:
        self._progressed_at = now
        self._excused_before = 0.0
        self._excuses: dict[str, float] = {}
        self._excused_from = now

    def progressed(self, now: float) -> None:
        self._progressed_at = now
        self._excused_before = 0.0
        self._excused_from = now

    def excuse(self, name: str, until: float, now: float) -> None:
        """From now on a standstill is excused until then, or until :meth:`no_excuse`. A second call moves the end."""
        self._add_up(now)
        self._excuses[name] = until + _GRACE_SECONDS

    def no_excuse(self, name: str, now: float) -> None:
        self._add_up(now)
        self._excuses.pop(name, None)

    def is_excused(self, now: float) -> bool:
        return bool(self._excuses) and now <= self._until()

    def seconds(self, now: float) -> float:
        """Without progress and without excuse."""
        return max(0.0, now - self._progressed_at - self._excused_before - self._running_excuse(now))

    def _add_up(self, now: float) -> None:
        self._excused_before += self._running_excuse(now)
        self._excused_from = now

    def _running_excuse(self, now: float) -> float:
        return max(0.0, min(now, self._until()) - self._excused_from) if self._excuses else 0.0

    def _until(self) -> float:
        return max(self._excuses.values())
