"""Django REST framework with django-oauth-toolkit over a SQLite database, which is the truth of its syncs."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.servers.installing import outer_environment, pip_server
from tests.support.servers.running import RealServer, free_port

_APP = Path(__file__).parents[2] / "servers" / "apps" / "rest_framework_app.py"
_TIMES = ("occurred_at", "minute", "epoch")
_ZONE = ZoneInfo("America/Chicago")
"""Django's own default."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A line of the server's own log. ``wait`` is what its Retry-After said."""

    came: float
    left: float
    status: int
    wait: int | None
    method: str
    uri: str


def _python() -> str:
    return str(pip_server("rest_framework") / "bin" / "python")


def seed(path: Path, total: int) -> None:
    command = [_python(), str(_APP), "seed", str(total)]
    subprocess.run(command, env={**outer_environment(), "LAB_DATABASE": str(path)}, check=True)


@contextmanager
def serving(place: Path, database: Path, **environment: str) -> Iterator[RealServer]:
    port = free_port()
    log = place / f"django-{port}.log"
    with RealServer(
        "django",
        [_python(), str(_APP), "serve", str(port)],
        f"http://127.0.0.1:{port}/asc/?page_size=1",
        cwd=place,
        environment={"LAB_DATABASE": str(database), **environment},
        log_path=log,
    ) as server:
        yield server


def copied(database: Path, place: Path) -> Path:
    """A database of a test's own, as it was seeded."""
    return Path(shutil.copy(database, place / "own.sqlite"))


def answers(server: RealServer, path: str) -> list[Answer]:
    """What the server answered at this path, in the order in which it did."""
    found = []
    for line in server.log.splitlines():
        parts = line.split(" ", 5)
        if len(parts) == 6 and parts[5].startswith(path):
            came, left, status, wait, method, uri = parts
            seconds = None if wait == "-" else int(wait)
            found.append(Answer(float(came), float(left), int(status), seconds, method, uri))
    return found


def execute(database: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute(statement, values)
        connection.commit()


def insert(database: Path, *identities: str, at: str) -> None:
    for identity in identities:
        statement = "INSERT INTO lab_event (id, occurred_at, minute, epoch, version) VALUES (?, ?, ?, ?, 1)"
        execute(database, statement, identity, at, at, at)


def truth(database: Path) -> dict[str, Any]:
    """What the server's own database holds, by id, as JSON has it: times in Django's default zone."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM lab_event")]
    return {row["id"]: {**row, **{name: _local(row[name]) for name in _TIMES}} for row in found}


def _local(text: str) -> str:
    return datetime.fromisoformat(f"{text}+00:00").astimezone(_ZONE).isoformat()
