"""What the costs of slices are read from: the kernel's account of processes, and a server's log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.servercost import count_statements
from bench.treecpu import TreeCpu, cpu_seconds_of
from tests.support.waiting import eventually

# A child of a child that no one waits for works, and ends before the others do.
_WORKS = """
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while time.process_time() < 0.5:
        pass
    os._exit(0)
sys.stdin.read()
"""
_LOG = """
2026-11-30 15:00:00.000 UTC [7] LOG:  statement: BEGIN
2026-11-30 15:00:00.000 UTC [7] LOG:  statement: UPDATE a
\tSET b = 'LOG:  not one'
2026-11-30 15:00:00.000 UTC [7] LOG:  execute <unnamed>: SELECT 1
2026-11-30 15:00:00.000 UTC [7] LOG:  checkpoint starting: time
"""


def test_what_a_process_has_started_counts_also_where_no_one_has_waited_for_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", _WORKS], stdin=subprocess.PIPE)
    assert process.stdin is not None
    tree = TreeCpu(process.pid)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    eventually(lambda: children.read_text(encoding="ascii") != "", what="a child that works")
    eventually(lambda: children.read_text(encoding="ascii") == "", what="its end")
    taken = tree.stop()
    process.stdin.close()
    process.wait(20)
    # The kernel's own sum has nothing of it.
    assert taken > 0.3
    assert cpu_seconds_of(os.getpid()) > 0


def test_the_statements_of_a_log_are_counted_from_a_byte_on(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(_LOG, encoding="utf-8")
    assert count_statements(log, 0) == 3
    assert count_statements(log, _LOG.index("UTC [7] LOG:  statement: UPDATE")) == 2
