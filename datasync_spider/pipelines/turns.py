"""Whose turn it is to commit.

Invariant: batch k+1 commits after batch k or never. A batch that waits too long for its turn is told to roll back,
because it may hold keys that somebody outside this process needs before our turn can come.
"""

from __future__ import annotations

import threading

from datasync_spider.errors import DatasyncError, StorageUnavailable


class PredecessorFailed(DatasyncError):
    """An earlier batch will never commit, so this one must not."""


class Turns:
    """Shared by the writing threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next = 1
        self._failed = False

    def wait(self, number: int, timeout_seconds: float | None) -> None:
        """Returns when all batches before ``number`` are committed.

        Raises PredecessorFailed when one of them has been given up, StorageUnavailable when the time is over.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._failed or self._next >= number, timeout_seconds):
                raise StorageUnavailable(
                    f"batch {number} gave way: an earlier one did not commit in {timeout_seconds} s"
                )
            if self._next < number:
                raise PredecessorFailed(f"batch {number} is void: an earlier one failed")

    def committed(self, number: int) -> None:
        with self._changed:
            self._next = number + 1
            self._changed.notify_all()

    def fail(self) -> None:
        """No batch that has not its turn yet will ever get it."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()
