"""Runs a program to its end and measures this one process: wall clock, processor time, peak memory.

Invariant: the figures are of the child alone, from the kernel's own account of it (wait4), not of its siblings; what
its children hold at the same time is its memory, too. The kernel counts the parent's size at the fork as the child's
peak, so this process must stay small: prepared data goes through files, never through memory here.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processtree import TreePeak
from bench.treecpu import TreeCpu


@dataclass(frozen=True, slots=True)
class Finished:
    """Times are seconds of the monotonic clock, which all processes of a machine share."""

    exit_code: int
    started: float
    ended: float
    cpu_seconds: float
    peak_mb: float

    @property
    def wall_seconds(self) -> float:
        return self.ended - self.started


class Measured:
    """A running program whose output goes to ``log``; it is killed after ``within_seconds``.

    ``counts_tree``: :attr:`tree_cpu_seconds` are of it and of all that it starts.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        within_seconds: float = 900.0,
        counts_tree: bool = False,
    ) -> None:
        self._command, self._log = command, log
        with log.open("ab") as stream:
            self._started = time.monotonic()
            self._process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        self._tree = TreePeak(self._process.pid)
        self._cpu = TreeCpu(self._process.pid) if counts_tree else None
        self.tree_cpu_seconds = 0.0
        self._watchdog = threading.Timer(within_seconds, self._process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def wait(self) -> Finished:
        """Its figures. Raises RuntimeError with the end of its output where it failed."""
        try:
            _, status, usage = os.wait4(self._process.pid, 0)
        except BaseException:
            # What was measured must not outlive the one who measures.
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._watchdog.cancel()
            with_children = self._tree.stop()
            if self._cpu is not None:
                self.tree_cpu_seconds = self._cpu.stop()
        ended = time.monotonic()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise RuntimeError(f"{' '.join(self._command)} ended with {self._process.returncode}:\n" + "\n".join(tail))
        cpu_seconds = usage.ru_utime + usage.ru_stime
        # Kibibytes on Linux.
        peak_mb = max(usage.ru_maxrss * 1024 / 1e6, with_children)
        return Finished(self._process.returncode, self._started, ended, cpu_seconds, peak_mb)


def run(command: Sequence[str], log: Path, *, cwd: Path, env: Mapping[str, str] | None = None) -> Finished:
    """Runs it to its end."""
    return Measured(command, log, cwd=cwd, env=env).wait()
