"""Processes on machines, as this process sees them: by numbers of its own PID namespace, and ``/proc``."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


def eventually(holds: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Waits for it; how many seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


class Process:
    """What was started on a machine. ``nsenter`` stays in front of it, outside."""

    def __init__(self, started: subprocess.Popen[bytes]) -> None:
        self._started = started

    def send(self, number: signal.Signals) -> None:
        """``nsenter`` stops itself with what it has started, and wants to go on itself."""
        pids = children_of(self._started.pid)
        for pid in [*pids, self._started.pid] if number == signal.SIGCONT else pids:
            os.kill(pid, number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code. Raises TimeoutExpired."""
        return self._started.wait(seconds)


def processes_beside(pid: int) -> list[int]:
    """All processes of the PID namespace of which this is the first."""
    space = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / "pid").readlink() == space:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def parent_of(pid: int) -> int | None:
    """None where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def children_of(pid: int) -> list[int]:
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
