"""The process that starts the tests' processes: it has imported what they need, and forks one for each order.

Invariant: nothing has been begun when it forks: no thread, no event loop, no connection, no setting read. So the fork,
with the arguments, the environment, the directory and the streams of its order, is where ``python -m MODULE`` would be.
What it is for, and what it is no match for, is said in :mod:`tests.support.starting`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import NoReturn

_ORDER_BYTES = 1 << 17
_STANDARD_STREAMS = (0, 1, 2)
_PACKAGES = ("mock_api", "datasync_spider", "scrapy.commands")
# What Scrapy imports by name when a crawl begins.
_MODULES = (
    *("scrapy.cmdline", "scrapy.core.downloader.handlers", "scrapy.core.engine", "scrapy.core.scraper"),
    *("scrapy.extensions.corestats", "scrapy.extensions.feedexport", "scrapy.extensions.closespider"),
    *("scrapy.downloadermiddlewares.httpproxy", "scrapy.spiderloader", "scrapy.statscollectors"),
    *("scrapy_fake_useragent.providers", "twisted.internet.asyncioreactor"),
)


def import_everything() -> None:
    """What the processes need, and no more than importing it."""
    names = list(_MODULES)
    for package in _PACKAGES:
        found = pkgutil.walk_packages(importlib.import_module(package).__path__, package + ".")
        names += [module.name for module in found if not module.name.endswith(".__main__")]
    # Dask is large, and for few of them.
    names = [name for name in names if not name.startswith("datasync_spider.fleet.dask.")]
    # Where a process begins: it takes the streams in hand that the fork is given.
    names.remove("datasync_spider.settings")
    for name in names:
        importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules, "a module that is imported early installs a reactor"


class Starter:
    """``control``: where the orders come from. Each brings streams, and a pipe for the process id and the status."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._reporters: dict[int, int] = {}
        self._ended, ended_writing = os.pipe()
        os.set_blocking(ended_writing, False)
        self._own = [self._ended, ended_writing]
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ended_writing, warn_on_full_buffer=False)

    def next_process(self) -> str:
        """Returns only in a fork: the module to run. Ends the starter when no one can give an order any more."""
        while True:
            readable, _, _ = select.select([self._control.fileno(), self._ended], [], [])
            if self._ended in readable:
                os.read(self._ended, 4096)
                self._report_ends()
            if self._control.fileno() in readable:
                text, descriptors, _, _ = socket.recv_fds(self._control, _ORDER_BYTES, 4)
                if not text:
                    self._end()
                order = json.loads(text)
                pid = os.fork()
                if pid == 0:
                    return self._become(order, descriptors)
                *streams, reporter = descriptors
                for stream in streams:
                    os.close(stream)
                self._reporters[pid] = reporter
                _report(reporter, pid)

    def _end(self) -> NoReturn:
        """With what it started: a test run that is killed leaves no frozen crawl behind."""
        for pid in self._reporters:
            os.kill(pid, signal.SIGKILL)
        raise SystemExit(0)

    def _report_ends(self) -> None:
        for pid in list(self._reporters):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                reporter = self._reporters.pop(pid)
                _report(reporter, status)
                os.close(reporter)

    def _become(self, order: dict[str, object], descriptors: list[int]) -> str:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for stream, given in zip(_STANDARD_STREAMS, descriptors, strict=False):
            os.dup2(given, stream)
        self._control.close()
        for descriptor in {*descriptors, *self._own, *self._reporters.values()}:
            os.close(descriptor)
        environment, directory, command = order["environment"], order["directory"], order["command"]
        assert isinstance(environment, dict)
        assert isinstance(directory, str)
        assert isinstance(command, list)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(directory)
        # As python -m does it.
        sys.path[0] = directory
        sys.argv = command
        return str(command[0])


def leave(code: int) -> None:
    """Ends the process as an interpreter does, but that it does not take its modules to pieces.

    They are the starter's, all of them, and that costs more of a processor than starting the process does. Returns
    where what was written last cannot be: the interpreter has words and an exit code for that.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code & 0xFF)


def _report(reporter: int, number: int) -> None:
    # Whoever gave the order may be gone.
    with suppress(BrokenPipeError):
        os.write(reporter, number.to_bytes(4, "little"))


if __name__ == "__main__":
    import_everything()
    # The forks look through none of it again.
    gc.collect()
    gc.freeze()
    module = Starter(socket.socket(fileno=int(sys.argv[1]))).next_process()
    # Here and not further down: what ends a process ends it as if nothing had been around it.
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            leave(end.code or 0)
        raise
    leave(0)
