"""Whether a batch is copied straight into the table or merged through a staging table.

Straight is faster by a third but fails as a whole on the first key that exists, so it pays only where conflicts are
rare. After a conflict some batches are merged, twice as many after each further one; a merge that finds nothing known
shortens the wait. Pure bookkeeping; shared by the writing threads, where a lost update costs a little speed and
nothing else.
"""

from __future__ import annotations

_MOST_MERGES = 64


class CopyMode:
    """Counts how many batches are still to be merged before straight COPY is tried again."""

    def __init__(self, *, start_with_merge: bool = False) -> None:
        self._penalty = 2
        self._merges_left = self._penalty if start_with_merge else 0

    def prefers_straight(self) -> bool:
        return self._merges_left <= 0

    def succeeded(self) -> None:
        """A straight COPY went through."""
        self._penalty = max(2, self._penalty // 2)

    def conflicted(self) -> None:
        """A straight COPY failed on a key that exists."""
        self._penalty = min(_MOST_MERGES, self._penalty * 2)
        self._merges_left = self._penalty

    def merged(self, rows: int, inserted: int) -> None:
        """A merge is done; where it met nothing known, straight COPY is tried sooner."""
        self._merges_left = 0 if inserted == rows and self._merges_left <= 2 else max(0, self._merges_left - 1)
