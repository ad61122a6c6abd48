"""What the machines of a fleet share, all of it on machine 0: PostgreSQL, which wants a password, and the APIs.

Invariant: this process reaches the database by a path of its own, whatever is done to cables; what is asked for here is
no part of what is measured.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2

from bench.machines.machines import Machine
from bench.machines.processes import Process, eventually
from embedded_postgres.account import give, make_readable, open_the_way, unprivileged_account
from embedded_postgres.binaries import environment, installation, program, run

_NAME = "datasync"
_PORT = 5432
_INITDB = (
    *("--no-sync", "--encoding=UTF8", "--locale=C", f"--username={_NAME}"),
    *("--auth-local=trust", "--auth-host=scram-sha-256"),
)
_STARTS_WITHIN_SECONDS = 60.0


class Postgres:
    """The embedded one's programs, listening on the machine's address. ``directory`` is made."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self._machine = machine
        self._directory = directory
        self._account = unprivileged_account()
        self._password = secrets.token_hex(16)
        self._connection: Any = None
        self._process: Process | None = None
        directory.mkdir(mode=0o700)
        make_readable(installation(), self._account)
        open_the_way(installation() / "bin" / "postgres", self._account)
        open_the_way(directory, self._account)
        password = directory / "password"
        password.write_text(self._password)
        for path in (directory, password):
            give(path, self._account)
        made = run("initdb", [*_INITDB, f"--pwfile={password}", f"--pgdata={self._data}"], self._account, directory)
        assert made.returncode == 0, made.stderr
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet scram-sha-256\n")
        self.start()
        self._execute("postgres", f"CREATE DATABASE {_NAME}")

    @property
    def url(self) -> str:
        """As every machine of the fleet knows it."""
        return f"postgresql://{_NAME}:{self._password}@{self._machine.address}:{_PORT}/{_NAME}"

    @property
    def own_url(self) -> str:
        """By the socket's path, which is the same on all machines, as the file system is."""
        return f"postgresql://{_NAME}@/{_NAME}?host={self._directory}&port={_PORT}"

    def start(self) -> None:
        options = {
            "listen_addresses": self._machine.address,
            "port": str(_PORT),
            "unix_socket_directories": str(self._directory),
            "max_connections": "200",
            # No power is lost here: what a killed machine had is what is looked at.
            "fsync": "off",
        }
        self._process = self._machine.start(
            [str(program("postgres")), "-D", str(self._data), *(f"--{name}={text}" for name, text in options.items())],
            directory=self._directory,
            environment=environment(),
            log=self._directory.parent / "postgres.log",
            user=(self._account.uid, self._account.gid),
        )
        eventually(self._answers, "the database", _STARTS_WITHIN_SECONDS)

    def stop(self) -> None:
        """At once, as ``pg_ctl stop -m immediate`` does it: it will recover."""
        assert self._process is not None
        self._process.send(signal.SIGQUIT)
        self._process.wait()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Raises psycopg2.Error where the database is away."""
        is_kept = self._connection is not None
        try:
            return self._query(sql, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.hang_up()
            if not is_kept:
                raise
            # It was away meanwhile.
            return self._query(sql, values)

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _query(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg2.connect(self.own_url)
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _answers(self) -> bool:
        try:
            self._execute("postgres", "SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def _execute(self, database: str, sql: str) -> None:
        connection = psycopg2.connect(f"postgresql://{_NAME}@/{database}?host={self._directory}&port={_PORT}")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()
