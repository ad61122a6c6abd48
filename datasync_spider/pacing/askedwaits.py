"""For how long the API wants no request, as far as a run knows. Pure: the time is an argument."""

from __future__ import annotations

import math
from typing import NamedTuple


class Closed(NamedTuple):
    """How long the API wants no request: ``seconds`` by refusals for the rate, ``advised_seconds`` by anything else."""

    seconds: float = 0.0
    advised_seconds: float = 0.0


class AskedWaits:
    """Keeps the latest of each kind; ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._closed_until = -math.inf
        self._advised_until = -math.inf

    def asked(self, seconds: float, now: float, *, is_binding: bool) -> None:
        """An answer asks for no request for so long. ``is_binding``: it was a refusal for the rate."""
        self.learned(Closed(seconds) if is_binding else Closed(advised_seconds=seconds), now)

    def learned(self, closed: Closed, now: float, tolerance_seconds: float = 0.0) -> bool:
        """Whether one of them ends later, by more than the tolerance, than what was known."""
        later = max(now + closed.seconds - max(self._closed_until, now), 0.0)
        later = max(now + closed.advised_seconds - max(self._advised_until, now), later)
        self._closed_until = max(self._closed_until, now + closed.seconds)
        self._advised_until = max(self._advised_until, now + closed.advised_seconds)
        return later > tolerance_seconds

    def left(self, now: float) -> Closed:
        return Closed(max(0.0, self._closed_until - now), max(0.0, self._advised_until - now))
