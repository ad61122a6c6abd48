"""A bundle: some slices that a worker syncs in one process, which is ``scrapy sync`` of their names.

Runs on workers, in a thread of Dask's. What becomes of process and worker, and what a crash in each state leaves, is
told in :mod:`datasync_spider.process.bundlepipe`. Of a bundle there is besides:

given      the worker has the names, and no process. One that dies now leaves nothing behind
reading    the process prints a line for each slice that it has synced, and the worker keeps them
ended      the lines are on their way to the driver. Of a worker that dies now it hears nothing: it submits the slices
           again, of which those that are complete cost a request

Invariant: nothing but names goes into a process, and nothing but what it reports of them comes back. Its settings and
secrets are this machine's.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from distributed import WorkerPlugin

from datasync_spider.process.bundlepipe import PIPE
from datasync_spider.storage.owner import BUNDLE

# The end that writes, of each bundle that this process runs.
_pipes: dict[str, int] = {}
_lock = threading.Lock()


def run_bundle(names: Sequence[str], bundle: str, concurrency: int) -> dict[str, Any]:
    """Syncs the slices of these names, so many at once, and gives what is printed of them.

    ``bundle``: what distinguishes this attempt from all others.
    """
    reading, writing = os.pipe()
    with _lock:
        _pipes[bundle] = writing
    try:
        process = _start(names, bundle, concurrency, reading)
        assert process.stdout is not None
        with process.stdout as lines:
            ends = [end for line in lines if (end := _read(line)) is not None]
        return {"host": platform.node() or "unknown", "ends": ends, "code": process.wait()}
    finally:
        stop_bundles([bundle])


def _start(names: Sequence[str], bundle: str, concurrency: int, pipe: int) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [*(sys.executable, "-m", "datasync_spider", "sync", "--json"), "--concurrency", str(concurrency), *names],
            env={**os.environ, BUNDLE: bundle, PIPE: str(pipe)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=[pipe],
            # Ctrl-C is the driver's to hear.
            start_new_session=True,
            text=True,
        )
    finally:
        os.close(pipe)


def stop_bundles(bundles: Sequence[str] | None = None) -> None:
    """Asks the processes of these to stop, or all; returns at once."""
    with _lock:
        for bundle in list(_pipes) if bundles is None else bundles:
            if (pipe := _pipes.pop(bundle, None)) is not None:
                os.close(pipe)


def running_bundles() -> list[str]:
    """Those that are not asked to stop."""
    with _lock:
        return list(_pipes)


class EndsBundles(WorkerPlugin):
    """Stops what a worker runs when it closes, so that it need not wait for it: when it has lost the scheduler, too."""

    name = "datasync-ends-bundles"

    def teardown(self, worker: Any) -> None:
        # A driver that comes later brings its own in place of this one, and the worker goes on.
        if worker.status.name not in {"running", "paused"}:
            stop_bundles()


def _read(line: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and "total" not in found:
            return found
    return None
