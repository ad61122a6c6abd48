"""Installs the real servers of ``tests/servers/`` into a cache of the user, each once.

An environment belongs to the bytes of its lock in ``tests/servers/locks/`` and to the interpreter that runs it; a lock
that changes gets another folder. The last thing written is a stamp, and a folder without one is made anew: whatever
ends an installation early leaves nothing that is taken for whole. It is made where it stays, since the scripts in it
name that place. Which server is started how must not be here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path(__file__).parents[2] / "servers" / "locks"
_STAMP = ".installed"
_TAIL = 4_000


def pip_server(name: str) -> Path:
    """The virtual environment with the packages of ``locks/NAME.txt``, to the last of their hashes."""
    lock = LOCKS / f"{name}.txt"

    def make(place: Path) -> None:
        _run([sys.executable, "-m", "venv", str(place)])
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
        _run([*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(lock)])

    return _installed(name, [lock], platform.python_version(), make)


def npm_server(name: str) -> Path:
    """The folder whose ``node_modules`` has what ``locks/NAME/package-lock.json`` names."""
    files = [LOCKS / name / file for file in ("package.json", "package-lock.json")]

    def make(place: Path) -> None:
        for file in files:
            shutil.copy(file, place)
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--no-update-notifier"], cwd=place)

    return _installed(name, files, "", make)


def outer_environment() -> dict[str, str]:
    """This process's environment without what belongs to the project's own Python."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _installed(name: str, locks: list[Path], interpreter: str, make: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(interpreter.encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datasync-ingestion" / "servers"
    home.mkdir(parents=True, exist_ok=True)
    place = home / f"{name}-{digest.hexdigest()[:12]}"
    with _alone(home / f"{place.name}.lock"):
        if not (place / _STAMP).exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            (place / _STAMP).touch()
    return place


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process of this user installs this server meanwhile; the kernel frees it with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=outer_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-_TAIL:]}"
