"""A PostgreSQL server that a test may treat badly."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from embedded_postgres.starting import start_embedded
from tests.support.waiting import eventually


class OwnServer:
    """An embedded server in ``home`` that this process keeps alive as one of its users."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url

    @property
    def _postmaster(self) -> psutil.Process:
        lines = (self.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        return psutil.Process(int(lines[0]))

    def lose_power(self) -> None:
        """Ends all of the server's processes at once, without a word to anyone."""
        postmaster = self._postmaster
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)

    def start(self) -> None:
        """Brings it back, through crash recovery."""
        # The fixture's own hold keeps the server up when this one is given back.
        start_embedded(self.home).close()

    def become_standby(self) -> None:
        """It takes no writes from now on, and follows no one."""
        self.lose_power()
        data = self.home / "postgres" / "data"
        (data / "standby.signal").touch()
        # The server opens it for writing.
        os.chown(data / "standby.signal", data.stat().st_uid, data.stat().st_gid)
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops all of the server's processes: connections stay open and nothing answers."""
        postmaster = self._postmaster
        family = [postmaster]
        try:
            self._freeze(family)
            # None is born any more, so that the list is whole; what ends meanwhile stays a zombie, never reaped.
            family += postmaster.children(recursive=True)
            self._freeze(family)
            yield
        finally:
            # The first one last: until then no zombie can go, and no process id come round again.
            for process in reversed(family):
                process.resume()

    @staticmethod
    def _freeze(family: list[psutil.Process]) -> None:
        for process in family:
            process.suspend()
        still = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
        eventually(lambda: all(process.status() in still for process in family), what="the freeze")
