"""How long to pause before the next attempt."""

from __future__ import annotations

_MOST_DOUBLINGS = 62


def backoff_seconds(attempt: int, base_seconds: float, max_seconds: float, jitter: float) -> float:
    """The pause before attempt ``attempt + 1``, in seconds.

    Doubles with each attempt (the first is 1) up to ``max_seconds``; ``jitter`` in [0, 1) shortens it by at most half, so
    that many clients do not come back together and the sum of the pauses still has a known lower bound.
    """
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    return min(max_seconds, base_seconds * 2.0**doublings) * (1.0 - jitter / 2)
