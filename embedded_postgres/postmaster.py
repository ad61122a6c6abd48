"""What the running server says of itself in its ``postmaster.pid``.

Invariant: the file alone proves nothing, since a crash leaves it behind and process ids come round again; a process
counts as the server only when it works in the data directory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

# The lines of the file, counted from 0; see PostgreSQL's src/include/utils/pidfile.h.
_PID, _SOCKET_DIRECTORY, _STATUS = 0, 4, 7


@dataclass(frozen=True, slots=True)
class Postmaster:
    """``socket_directory`` is None and ``status`` empty while the server is only beginning to start."""

    pid: int
    socket_directory: Path | None
    status: str

    @property
    def is_ready(self) -> bool:
        return self.status == "ready"


def read_postmaster(data: Path) -> Postmaster | None:
    """What stands in the file, which may be stale; None without one, or where it is being written."""
    try:
        lines = [line.strip() for line in os.fsdecode((data / "postmaster.pid").read_bytes()).splitlines()]
        pid = abs(int(lines[_PID]))
    except (OSError, ValueError, IndexError):
        return None
    lines += [""] * (_STATUS + 1 - len(lines))
    return Postmaster(pid, Path(lines[_SOCKET_DIRECTORY]) if lines[_SOCKET_DIRECTORY] else None, lines[_STATUS])


def server_process(data: Path) -> psutil.Process | None:
    """The postmaster itself, if it lives and can be seen from here."""
    postmaster = read_postmaster(data)
    if postmaster is None:
        return None
    try:
        process = psutil.Process(postmaster.pid)
    except psutil.NoSuchProcess:
        return None
    return process if _works_in(process, data) else None


def server_processes(data: Path) -> list[psutil.Process]:
    """Every process of a server on this data directory; the postmaster, where it lives, among them."""
    named = (process for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres")
    return [process for process in named if _works_in(process, data)]


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data
    except psutil.Error:
        return False
