"""How much of the processors a process and all that it starts have taken, from the kernel's account of each.

Invariant: a process that has ended counts with what it had taken when it was last looked at, at most 50 ms before. The
kernel's own sum of children knows nothing of those whose ends no one waits for, as of a fleet's bundles.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from bench.processtree import tree

_EVERY_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


class TreeCpu:
    """Looks in a thread of its own, from now on until :meth:`stop`."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._taken: dict[tuple[int, str], int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Seconds."""
        self._ended.set()
        self._thread.join()
        return sum(self._taken.values()) / _TICKS

    def _watch(self) -> None:
        while True:
            for pid in tree(self._pid):
                if (fields := _stat(pid)) is not None:
                    # By when it was started, too: numbers come round again.
                    self._taken[pid, fields[19]] = int(fields[11]) + int(fields[12])
            if self._ended.wait(_EVERY_SECONDS):
                return


def cpu_seconds_of(pid: int) -> float:
    """What a server's processes have taken up to now: those that run, and those that have ended and were waited for."""
    own = _stat(pid)
    assert own is not None
    ticks = sum(map(int, own[11:15]))
    for child in tree(pid)[1:]:
        if (fields := _stat(child)) is not None:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def _stat(pid: int) -> list[str] | None:
    """The fields behind the name, which may hold anything: proc(5) counts them from 3 on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
