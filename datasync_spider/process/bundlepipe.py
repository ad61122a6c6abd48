"""Ends this process with the one that has started it, where that one is a worker of a fleet: by the end of a pipe.

The worker keeps the end that writes, and writes nothing; the process has the one that reads. The kernel closes the
worker's with the worker, whatever has ended it, and the worker closes it by itself to stop the process. States, and
what a crash in each leaves:

piped      there is the pipe and no process: it ends with the worker
started    the process reads what is set. Of a worker that dies now it hears in the next state, having begun nothing
watching   a thread waits for the end of the pipe. A process that dies is seen by the worker, in its exit code
ended      the process asks itself to stop, once, as a signal would: what was fetched is committed, the lease given back
overdue    ten seconds later it is killed, wherever it stands: its lease is taken over, or runs out

A signal at the death of the parent (PDEATHSIG) is no match: it comes when the thread ends that has started the process,
and is Linux's alone.

Invariant: the end of the pipe is never a second signal, which would end a crawl at once: a system that stops worker and
process together is heard first or second, and both times the process stops well. So it is SIGHUP.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping

PIPE = "DATASYNC_FLEET_PIPE"
"""The variable that names the end that is to be read, by its number."""

STOPS_WITHIN_SECONDS = 10.0

_READ_BYTES = 512


def pipe_of(environ: Mapping[str, str]) -> int | None:
    """The end to be read, where a worker has started this process."""
    number = environ.get(PIPE, "")
    return int(number) if number.isdigit() else None


def end_with_worker(pipe: int) -> None:
    """Watches the pipe from now on. To be called in the main thread, before anything handles signals."""
    # Whoever has started the worker with nohup has made it deaf, and the processes that it starts.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    threading.Thread(target=_watch, args=(pipe,), name="datasync-pipe", daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, _READ_BYTES):
        pass
    os.kill(os.getpid(), signal.SIGHUP)
    threading.Event().wait(STOPS_WITHIN_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
