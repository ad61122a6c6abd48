"""Datasette over a SQLite database of the test's own, which is the truth that syncs are compared with."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers.installing import pip_server
from tests.support.servers.running import RealServer, free_port

MOST_PER_PAGE = 1000
TIES = 60
"""So many records share a minute."""

_TABLE = "CREATE TABLE {name} (id TEXT PRIMARY KEY, occurred_at TEXT, minute TEXT, version INTEGER)"
_EARLIEST = 1_704_067_200


def identity(number: int) -> str:
    """Ids in no order of time."""
    return f"ev_{hashlib.sha256(str(number).encode()).hexdigest()[:10]}"


def seed(path: Path, total: int, table: str = "events") -> None:
    """Record ``number`` is of ``number`` seconds after the beginning of 2024."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(_TABLE.format(name=table))
        add(database, range(total), table)


def add(database: sqlite3.Connection, numbers: range, table: str = "events") -> None:
    time = "strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch')"
    minute = "strftime('%Y-%m-%dT%H:%M:00Z', ?, 'unixepoch')"
    values = ((identity(n), _EARLIEST + n, _EARLIEST + n, 1) for n in numbers)
    database.executemany(f"INSERT INTO {table} VALUES (?, {time}, {minute}, ?)", values)
    database.commit()


def truth(path: Path, table: str = "events") -> dict[str, Any]:
    """What the database itself holds, by id."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return {row["id"]: dict(row) for row in database.execute(f"SELECT * FROM {table}")}


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


@contextmanager
def serving(place: Path, database: Path, *options: str) -> Iterator[RealServer]:
    port = free_port()
    command = [str(pip_server("datasette") / "bin" / "datasette"), "serve", str(database), "-h", "127.0.0.1"]
    settings = ["-p", str(port), "--setting", "max_returned_rows", str(MOST_PER_PAGE), *options]
    ready = f"http://127.0.0.1:{port}/-/versions.json"
    with RealServer("datasette", command + settings, ready, cwd=place, log_path=place / "datasette.log") as server:
        yield server
