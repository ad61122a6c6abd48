"""Exponential backoff with jitter, as a function of plain values."""

from __future__ import annotations

_MAX_DOUBLINGS = 1_000  # 2.0 ** 1024 is more than a float holds, and no cap is anywhere near


def backoff_seconds(attempt: int, base_seconds: float, max_seconds: float, jitter: float) -> float:
    """How long to wait after attempt number ``attempt`` (from 1) has failed.

    Doubles from ``base_seconds`` up to ``max_seconds``. Of that, ``jitter``, a random number in [0, 1), leaves a half
    to nearly all, so that clients that failed together do not come back together.
    """
    doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS)
    return min(base_seconds * 2.0**doublings, max_seconds) * (0.5 + jitter / 2)
