"""Starts and stops the server of a data directory.

Invariant: whether a server is alive is asked of a lock that all its processes inherit, so that neither a stale
``postmaster.pid`` nor a process id that came round again, nor a container's wall, makes a second server start on the
same data. Everything here runs under the turn lock, so no one else starts or stops meanwhile.

``pg_ctl`` is not used: it believes the process id in the file, looks ten times a second, and hands paths to a shell.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from embedded_postgres.account import Account
from embedded_postgres.errors import ServerUnavailable
from embedded_postgres.failures import server_failed
from embedded_postgres.launch import Launched, launch
from embedded_postgres.locks import is_locked
from embedded_postgres.places import Places
from embedded_postgres.postmaster import read_postmaster, server_process, server_processes
from embedded_postgres.sockets import answers, forget_distant_socket, remove_socket, socket_directory

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.01
# Crash recovery replays up to max_wal_size of WAL; a slow disk may take minutes for it.
_READY_WITHIN_SECONDS = 300.0
_STOPPED_WITHIN_SECONDS = 120.0
_ABORTED_WITHIN_SECONDS = 10.0
# Backends notice on their own that their postmaster is gone, unless they are deep in a long computation.
_ORPHANS_END_WITHIN_SECONDS = 2.0


class Server:
    """``account`` None: as the user that we are."""

    def __init__(self, places: Places, account: Account | None) -> None:
        self._places = places
        self._account = account
        self._launched: Launched | None = None

    def ensure_running(self) -> Path:
        """The socket's directory of a server that is ready, started here if need be.

        Raises ServerUnavailable or ServerRefused with what kept it from that.
        """
        began = time.monotonic()
        launched_now = False
        while True:
            if not self._is_alive():
                if launched_now and self._launched is not None:
                    self._launched.process.wait()
                    raise server_failed(self._places.log, self._launched.log_start)
                self._launch()
                launched_now = True
            elif (directory := self._ready_socket()) is not None:
                return directory
            elapsed = time.monotonic() - began
            if not launched_now and elapsed > _ORPHANS_END_WITHIN_SECONDS:
                self._end_orphans()
            if elapsed > _READY_WITHIN_SECONDS:
                raise ServerUnavailable(
                    f"the embedded PostgreSQL is not ready after {elapsed:.0f} s; if it recovers from a crash, it goes"
                    f" on doing so: try again later, and see {self._places.log}"
                )
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ends the server, sessions included, after a checkpoint; where it does not end, a warning says so."""
        if self._is_alive() and not self._end_alive():
            logger.warning(
                "the embedded PostgreSQL in %s goes on running: another container's, or stuck (see %s)",
                self._places.directory,
                self._places.log,
            )
            self.release()
            return
        forget_distant_socket(self._places)
        if self._launched is not None:
            self._launched.process.wait()
            self._launched = None

    def release(self) -> None:
        """Leaves the server to its other users; should it end before us, it is not left a zombie."""
        if self._launched is not None and self._launched.process.poll() is None:
            threading.Thread(target=self._launched.process.wait, name="embedded-postgres", daemon=True).start()
        self._launched = None

    def _end_alive(self) -> bool:
        # A server of someone who was killed may be too young to have written its process id, or be ending already.
        _wait_until(lambda: self._process() is not None or not self._is_alive(), _ORPHANS_END_WITHIN_SECONDS)
        process = self._process()
        if process is None:
            self._end_orphans()
            return _wait_until(lambda: not self._is_alive(), _ORPHANS_END_WITHIN_SECONDS)
        # SIGINT is "fast": roll back, write a checkpoint, end. SIGQUIT is "immediate": the next start recovers.
        return self._end(process, signal.SIGINT, _STOPPED_WITHIN_SECONDS) or self._end(
            process, signal.SIGQUIT, _ABORTED_WITHIN_SECONDS
        )

    def _end(self, process: psutil.Process, number: signal.Signals, seconds: float) -> bool:
        """Says it again each second: a server that has just begun may not listen yet, and does not mind repetition."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            _signal(process, number)
            if _wait_until(lambda: not self._is_alive(), 1.0):
                return True
        return False

    def _is_alive(self) -> bool:
        return is_locked(self._places.alive_lock)

    def _process(self) -> psutil.Process | None:
        """The server's first process: our own child, which needs no proof, or the one that its file names."""
        if self._launched is not None and self._launched.process.poll() is None:
            return psutil.Process(self._launched.process.pid)
        return server_process(self._places.data)

    def _ready_socket(self) -> Path | None:
        postmaster = read_postmaster(self._places.data)
        if postmaster is None or not postmaster.is_ready or postmaster.socket_directory is None:
            return None
        return postmaster.socket_directory if answers(postmaster.socket_directory) else None

    def _launch(self) -> None:
        directory = socket_directory(self._places, self._account)
        self._remove_stale_files(directory)
        self._launched = launch(self._places, self._account, directory)

    def _remove_stale_files(self, socket_directory: Path) -> None:
        """PostgreSQL itself takes any process of its account with the id in a stale file for a running server."""
        if read_postmaster(self._places.data) is not None and self._process() is None:
            logger.info("the embedded PostgreSQL in %s was not shut down; it recovers now", self._places.directory)
            (self._places.data / "postmaster.pid").unlink(missing_ok=True)
            remove_socket(socket_directory)

    def _end_orphans(self) -> None:
        """Backends whose postmaster is gone; what they had not committed is lost already."""
        if self._process() is None:
            for process in server_processes(self._places.data):
                _signal(process, signal.SIGKILL)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
