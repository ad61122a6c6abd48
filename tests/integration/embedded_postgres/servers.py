"""The server below a home as the system sees it, and its end as a power cut brings it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from embedded_postgres.places import Places
from embedded_postgres.postmaster import server_processes
from tests.support.waiting import eventually


def processes(home: Path) -> list[psutil.Process]:
    return server_processes(Places.below(home).data)


def kill_server(home: Path) -> None:
    """Every process of it, and their end awaited: the first one to die may take the others with it."""
    for process in processes(home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: processes(home) == [], what="the end of the server")
