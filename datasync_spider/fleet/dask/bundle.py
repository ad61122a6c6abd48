"""A bundle: some slices that a worker syncs in one process, which is ``scrapy sync`` of their names.

Runs on workers, in a thread of Dask's. What becomes of process and worker, and what a crash in each state leaves, is
said in :mod:`datasync_spider.process.bundlepipe`; who starts the process, in
:mod:`datasync_spider.fleet.bundlestarter`. Of a bundle there is besides:

given      the worker has the names, and no process. One that dies now leaves nothing behind
reading    the process prints a line for each slice that it has synced, and the worker keeps them
ended      the lines are on their way to the driver. Of a worker that dies now it hears nothing: it gives the slices
           again, of which those that are complete cost a request

Invariant: nothing but names goes into a process, and which database is meant; nothing but what it reports of them comes
back. Its settings and secrets are this machine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from distributed import WorkerPlugin, get_worker

from datasync_spider.fleet.bundlestarter import READY, order_of
from datasync_spider.storage.identity import EXPECTED
from datasync_spider.storage.owner import BUNDLE, WORKER

# What a driver may wait for at its start, too.
_IMPORTS_WITHIN_SECONDS = 20.0

# The end that writes, of each bundle that this process runs.
_pipes: dict[str, int] = {}
_lock = threading.Lock()


def run_bundle(names: Sequence[str], bundle: str, concurrency: int, database: str) -> dict[str, Any]:
    """Syncs the slices of these names, so many at once, and gives what is printed of them.

    ``bundle``: what distinguishes this attempt from all others. ``database``: the driver's, as
    :func:`~datasync_spider.storage.identity.identity_of` has it.
    """
    pipe, its_worker = os.pipe()
    output, its_output = os.pipe()
    with _lock:
        _pipes[bundle] = its_worker
    try:
        arguments = ["sync", "--json", "--concurrency", str(concurrency), *names]
        try:
            variables = {BUNDLE: bundle, WORKER: _own_name(), EXPECTED: database}
            _starter.start(arguments, variables, pipe, its_output)
        finally:
            os.close(pipe)
            os.close(its_output)
        # To the end of it, which is the end of the process.
        with open(output, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - it is no path
            ends = [end for line in lines if (end := _read(line)) is not None]
        return {"host": platform.node() or "unknown", "ends": ends}
    finally:
        stop_bundles([bundle])


def stop_bundles(bundles: Sequence[str] | None = None) -> None:
    """Asks the processes of these to stop, or all; returns at once."""
    with _lock:
        for bundle in list(_pipes) if bundles is None else bundles:
            if (pipe := _pipes.pop(bundle, None)) is not None:
                os.close(pipe)


class Bundles(WorkerPlugin):
    """Makes a worker ready for bundles, and stops them when it closes, so that it need not wait for them.

    It closes where it has lost the scheduler, too.
    """

    name = "datasync-bundles"

    async def setup(self, worker: Any) -> None:
        # Dask gives nothing to a worker before that: what a dead one had would wait for imports.
        await asyncio.to_thread(_starter.begin)

    def teardown(self, worker: Any) -> None:
        # A driver that comes later brings its own in place of this one, and the worker goes on.
        if worker.status.name not in {"running", "paused"}:
            stop_bundles()


class _Starter:
    """Of this process's bundles; it is begun anew where it has died."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._is_ready = False
        self._turn = threading.Lock()

    def begin(self) -> None:
        """Returns when it has imported all that bundles need, or if that takes too long."""
        with self._turn:
            control = self._begun()
            if not self._is_ready:
                control.settimeout(_IMPORTS_WITHIN_SECONDS)
                with suppress(OSError):
                    control.recv(len(READY))
                control.settimeout(None)
                self._is_ready = True

    def start(self, arguments: Sequence[str], variables: Mapping[str, str], pipe: int, output: int) -> None:
        """Raises OSError where it cannot be had."""
        header, text = order_of(arguments, variables)
        with self._turn:
            for is_last in (False, True):
                control = self._begun()
                try:
                    socket.send_fds(control, [header], [pipe, output])
                    control.sendall(text)
                    return
                except OSError:
                    control.close()
                    self._control = None
                    if is_last:
                        raise

    def _begun(self) -> socket.socket:
        if self._control is None:
            ours, its = socket.socketpair()
            with its:
                subprocess.Popen(
                    [sys.executable, "-m", "datasync_spider.fleet.bundlestarter", str(its.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    # Ctrl-C is the driver's to hear.
                    start_new_session=True,
                )
            self._control, self._is_ready = ours, False
        return self._control


_starter = _Starter()


def _own_name() -> str:
    """Of this worker, as Dask has it: the number of one that was made with its scheduler, else its address."""
    return str(get_worker().name).removeprefix("tls://")


def _read(line: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and "total" not in found:
            return found
    return None
