"""What a stream is asked from that gives what is not older than a time: the arithmetic. Pure.

Invariant: what is asked from is never later than what it is reckoned from, however it is written; and never before
1970 began, which no floor lies before.
"""

from __future__ import annotations

from msgspec import Struct


class Since(Struct, frozen=True):
    """Microseconds. ``start_us``: where a pass without a floor begins; None for the API's own beginning.

    ``overlap_us``: so far below the floor is asked. ``lag_us``: what is younger may still be missing. ``unit_us``: the
    least step between two times as they are written. ``is_inclusive``: whether a record of the very time comes.
    """

    start_us: int | None = None
    overlap_us: int = 0
    lag_us: int = 0
    unit_us: int = 1
    is_inclusive: bool = True

    def below(self, floor_us: int) -> int:
        """What to ask from, so that what has the floor's own time comes again."""
        asked_us = floor_us - self.overlap_us
        asked_us -= asked_us % self.unit_us
        return max(0, asked_us if self.is_inclusive else asked_us - self.unit_us)
