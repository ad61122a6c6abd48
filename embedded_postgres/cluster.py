"""Makes the data directory, once.

Invariant: ``data`` either does not exist or is a whole cluster with the database in it: it is made under another name
and renamed when done, so an interrupted start leaves nothing that a later one could mistake for data, and what it does
leave the next one removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from embedded_postgres.account import Account, give
from embedded_postgres.binaries import MAJOR_VERSION, run
from embedded_postgres.errors import ServerRefused
from embedded_postgres.failures import tool_failed
from embedded_postgres.places import Places

DATABASE = "datasync"
SUPERUSER = "postgres"
_UNFINISHED = "unfinished-"
_REMOVED_WITHIN_SECONDS = 5.0
_POLL_SECONDS = 0.01

# The built-in locale is the same on every system. Trust is safe on a socket that only the server's own account can
# reach; TCP is refused twice, so that it stays closed should someone start this server by hand.
_INITDB = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=reject",
    "--set=listen_addresses=",
    "--no-instructions",
)


def ensure_cluster(places: Places, account: Account | None) -> None:
    """Raises ServerRefused where something else stands in its place, or a cluster of another version."""
    for leftover in places.directory.glob(f"{_UNFINISHED}*"):
        _remove(leftover)
    if places.data.is_dir() and any(places.data.iterdir()):
        _check_version(places.data)
        return
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=places.directory))
    try:
        give(unfinished, account)
        _initialise(unfinished, account)
        unfinished.rename(places.data)
    except BaseException:
        _remove(unfinished)
        raise
    _sync(places.directory)


def _remove(directory: Path) -> None:
    """Again until it is gone: programs of a start that was killed may be writing in it, and end when they cannot."""
    deadline = time.monotonic() + _REMOVED_WITHIN_SECONDS
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=True)
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_SECONDS)


def _check_version(data: Path) -> None:
    try:
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise ServerRefused(f"{data} is not empty and no database: choose another DATASYNC_HOME") from None
    if version != str(MAJOR_VERSION):
        raise ServerRefused(
            f"{data} was made by PostgreSQL {version}, the embedded one is {MAJOR_VERSION}:"
            " dump it with the old version and load it into a new directory, or choose another DATASYNC_HOME"
        )


def _initialise(data: Path, account: Account | None) -> None:
    made = run("initdb", [*_INITDB, "--pgdata", str(data)], account, data.parent)
    if made.returncode != 0:
        raise tool_failed("the embedded database could not be made", made.stdout + made.stderr)
    # Without a server: no one may see the cluster before the database is in it.
    single_user = ["--single", "-c", "exit_on_error=true", "-D", str(data), SUPERUSER]
    made = run("postgres", single_user, account, data.parent, text=f"CREATE DATABASE {DATABASE}\n")
    if made.returncode != 0:
        raise tool_failed("the embedded database could not be made", made.stdout + made.stderr)


def _sync(directory: Path) -> None:
    """Makes the new name outlast a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
