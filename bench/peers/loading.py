"""Runs a peer's program against the mock and a database of one measurement.

Invariant: it finds nothing of an earlier load, sends nothing to anyone, and none of our settings reaches it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench.processes import Finished, run

_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH")


def load(python: Path, program: Path, base_url: str, database_url: str, how: str, **settings: str) -> Finished:
    """``how`` is the program's last argument, ``settings`` the peer's own, as variables of the environment."""
    address = urlsplit(database_url)
    query = parse_qs(address.query)
    with tempfile.TemporaryDirectory(prefix="datasync-bench-dlt-") as name:
        home = Path(name)
        kept = {variable: os.environ[variable] for variable in _KEPT if variable in os.environ}
        own = {"HOME": name, "DLT_DATA_DIR": name, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        where = [query["host"][0], query["port"][0], address.path.lstrip("/")]
        command = [str(python), str(program), base_url, *where, how]
        return run(command, home / "dlt.log", cwd=home, env={**kept, **own, **settings})
