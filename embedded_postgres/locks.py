"""Kernel locks on files: who is there is asked of the kernel, never of a list of process ids.

Invariant: a lock ends with the last process that holds it, however that ends, also where processes do not see each
other's ids because they are in different containers. ``flock`` belongs to the open file, so a descriptor that a child
inherits keeps the lock; Python's descriptors are closed in children unless they are passed on purpose.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Waits for the exclusive lock and holds it; gives the descriptor."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock, shared or not."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


class Membership:
    """A shared lock: one more of those who use something."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = _open(path)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        except BaseException:
            self.end()
            raise

    def is_last(self) -> bool:
        """Whether no one else uses it. To be asked only on leaving: the shared lock is given up in asking."""
        assert self._descriptor is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def end(self) -> None:
        """Lets go; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
