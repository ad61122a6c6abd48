"""In which way a batch is written: copied straight into the table, or split for keys that exist.

Straight is the fastest but fails as a whole on the first key that exists, so it pays only where conflicts are rare.
After a conflict some batches are split, twice as many after each further one; a batch that turns out to hold nothing
known shortens the wait. Splitting known from new asks first which keys exist, unless the batch before held little else:
then it is cheaper to compare all rows at once. Pure bookkeeping; shared by the writing threads, where a lost update
costs a little speed and nothing else.
"""

from __future__ import annotations

_MOST_SPLIT = 64
# By the costs of the steps: docs/decisions/0013.
_MOSTLY_KNOWN_SHARE = 0.6


class CopyMode:
    """Counts how many batches are still to be split before straight COPY is tried again."""

    def __init__(self, *, expects_known: bool = False) -> None:
        self._penalty = 2
        self._left = self._penalty if expects_known else 0
        self._known_share = 0.0

    def prefers_straight(self) -> bool:
        return self._left <= 0

    def prefers_probing(self) -> bool:
        """Whether a batch that is split is to be asked for its known keys first."""
        return self._known_share < _MOSTLY_KNOWN_SHARE

    def succeeded(self) -> None:
        """A straight COPY went through."""
        self._penalty = max(2, self._penalty // 2)

    def conflicted(self) -> None:
        """A straight COPY failed on a key that exists."""
        self._penalty = min(_MOST_SPLIT, self._penalty * 2)
        self._left = self._penalty

    def split(self, rows: int, known: int) -> None:
        """A batch was split, or merged; where nothing in it was known, straight COPY is tried sooner."""
        self._known_share = known / rows
        self._left = 0 if known == 0 and self._left <= 2 else max(0, self._left - 1)
