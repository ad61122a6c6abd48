"""When a slice is to be synced next, as a function of plain values. Pure.

Invariant: a slice that is well is never due later than its ``every`` says, and the slices of a stream drift apart, each
by a share that is its own: those that began together do not come together for ever.
"""

from __future__ import annotations

import hashlib

LATE_FACTOR = 2.0
"""A slice is late when it has been due, and not begun, for longer than so many times its ``every``."""

_LONGEST_BACKOFF_SECONDS = 3_600.0
# The share of an interval that jitter may take away.
_SPREAD = 0.1
# 2.0 ** 1024 is more than a float holds, and an hour is never far away.
_MOST_DOUBLINGS = 60


def jitter_of(name: str) -> float:
    """In [0, 1): the same for a name at any time and on any machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2.0**48


def interval_seconds(every_seconds: float, jitter: float, failures: int = 0) -> float:
    """From the beginning of a sync to the next; after ``failures`` in a row, from the end of the last one.

    It doubles with each failure, up to an hour, or stays at ``every_seconds`` where that is longer.
    """
    backed_off = min(every_seconds * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_BACKOFF_SECONDS)
    return max(every_seconds, backed_off) * (1.0 - _SPREAD * jitter)
