"""How many rows a batch should have: as many as the database takes in a reasonable time. Pure.

Invariant: the size stays within its bounds, and one slow commit halves it at most. Large batches are cheap for the
database; but what is in flight is lost to a crash and fetched again, and a batch that takes long holds its keys, and a
stop, for as long.
"""

from __future__ import annotations

_SHRINK_ABOVE_SECONDS = 2.0
_GROW_BELOW_SECONDS = 1.0
_SMALLEST_SHARE = 10


class BatchSize:
    """Begins with the largest size."""

    def __init__(self, largest_rows: int) -> None:
        self._largest_rows = largest_rows
        self._smallest_rows = max(1, largest_rows // _SMALLEST_SHARE)
        self.rows = largest_rows

    def written(self, batch_rows: int, seconds: float) -> bool:
        """Learns how long a batch took; gives whether the size has changed.

        A batch that was sent before it was full says nothing about larger ones.
        """
        before = self.rows
        if seconds > _SHRINK_ABOVE_SECONDS:
            self.rows = max(self._smallest_rows, min(self.rows, batch_rows) // 2)
        elif seconds < _GROW_BELOW_SECONDS and batch_rows >= self.rows:
            self.rows = min(self._largest_rows, self.rows + max(1, self.rows // 2))
        return self.rows != before
