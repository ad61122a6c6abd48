"""The most memory that a process has held together with all that it started, from the kernel's account of each.

Invariant: what is shared is counted once (PSS), and looking costs next to nothing as long as there are no children.
"""

from __future__ import annotations

import threading
from pathlib import Path

_EVERY_SECONDS = 0.2


class TreePeak:
    """Looks in a thread of its own, from now on until :meth:`stop`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak_kib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Megabytes; 0.0 where there never was a child."""
        self._ended.set()
        self._thread.join()
        return self._peak_kib * 1024 / 1e6

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            found = tree(self._pid)
            if len(found) > 1:
                self._peak_kib = max(self._peak_kib, sum(map(_held_kib, found)))


def tree(pid: int) -> list[int]:
    """The process and its descendants, as far as they are still there."""
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        try:
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                left += map(int, (task / "children").read_text(encoding="ascii").split())
        except OSError:
            # It, or a thread of it, has just ended.
            continue
    return found


def _held_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
