"""Launches the server's first process.

Invariant: the server outlives the process that launches it, and does not hear the terminal's Ctrl-C; of our descriptors
it inherits the alive lock and nothing else.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from embedded_postgres.account import Account, run_as
from embedded_postgres.binaries import environment, program
from embedded_postgres.failures import LOG_LINE_PREFIX
from embedded_postgres.locks import locked
from embedded_postgres.places import Places
from embedded_postgres.sockets import PORT

_LOG_ROTATES_OVER_BYTES = 16 * 1024 * 1024

# A committed page must survive a power cut: fsync and its like are said again here, so that no edit of postgresql.conf
# takes the promise back. The sizes suit a feed of a few GB that a few connections write in one go.
_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "log_line_prefix": LOG_LINE_PREFIX,
}


class Launched(NamedTuple):
    """A server that begins to start; its own lines in the log begin at ``log_start``."""

    process: subprocess.Popen[bytes]
    log_start: int


def launch(places: Places, account: Account | None, socket_directory: Path) -> Launched:
    """Does not wait for the server to be ready."""
    options = {**_OPTIONS, "unix_socket_directories": str(socket_directory)}
    arguments = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    _rotate(places.log)
    log = os.open(places.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        log_start = os.fstat(log).st_size
        with locked(places.alive_lock) as alive:
            process = subprocess.Popen(
                [program("postgres"), "-D", places.data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=places.directory,
                env=environment(),
                pass_fds=(alive,),
                start_new_session=True,
                **run_as(account),
            )
    finally:
        os.close(log)
    return Launched(process, log_start)


def _rotate(log: Path) -> None:
    """Keeps one older log. The server holds its log open, so this is possible only before it starts."""
    if log.exists() and log.stat().st_size > _LOG_ROTATES_OVER_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
