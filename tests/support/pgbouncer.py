"""PgBouncer before the tests' server, in transaction mode: each transaction may get another of its few connections.

Where the program is meant to be, as on a build machine, REQUIRE_PGBOUNCER=1 makes its absence a failure; elsewhere the
tests of it are skipped.

Invariant: who asks proves it by the password in a file of its own. Nothing is configured in our favour: what is not
said here is as PgBouncer has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from embedded_postgres.account import Account, give, run_as, unprivileged_account
from tests.support.servers.running import free_port
from tests.support.waiting import eventually

CONNECTIONS = 3
"""To the server, for everyone who asks."""

_PASSWORD = "b-4711"
_CONFIGURATION = """
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
admin_users = {user}
{more}
"""


_PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/local/bin:/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(
    _PROGRAM is None and os.environ.get("REQUIRE_PGBOUNCER") != "1",
    reason="pgbouncer is not installed (Debian: its package pgbouncer; REQUIRE_PGBOUNCER=1 makes that a failure)",
)


class PgBouncer:
    """Before the server of ``server_url``, for its user and all of its databases; ``more``: further lines of its file.

    A context manager, which stops it.
    """

    def __init__(self, server_url: str, *, connections: int = CONNECTIONS, more: str = "") -> None:
        self._server = parse_dsn(server_url)
        self._home = tempfile.TemporaryDirectory(prefix="datasync-pgbouncer-")
        place = Path(self._home.name)
        self._account = _account()
        self.port = free_port()
        users, self._configuration = place / "users", place / "pgbouncer.ini"
        users.write_text(f'"{self._user}" "{_PASSWORD}"\n', encoding="utf-8")
        self._configuration.write_text(
            _CONFIGURATION.format(
                host=self._server["host"],
                server_port=self._server.get("port", "5432"),
                port=self.port,
                users=users,
                connections=connections,
                user=self._user,
                more=more,
            ),
            encoding="utf-8",
        )
        for path in (place, users, self._configuration):
            give(path, self._account)
        self._log = place / "output.log"
        self._process = self._started()

    @property
    def _user(self) -> str:
        return str(self._server.get("user", "postgres"))

    def url(self, database_url: str, **parameters: str) -> str:
        """The same database, by way of this one."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        name = parse_dsn(database_url)["dbname"]
        return f"postgresql://{self._user}:{_PASSWORD}@127.0.0.1:{self.port}/{name}" + (f"?{query}" if query else "")

    def connections(self) -> list[dict[str, str]]:
        """Those to the server, as its console shows them."""
        return self._show("SERVERS")

    def restart(self) -> None:
        """At once, as a package's upgrade does it: whoever is connected is cut off."""
        self.kill()
        self._process = self._started()

    def kill(self) -> None:
        """It is away until :meth:`restart`."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.kill()
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        assert _PROGRAM, "pgbouncer is not installed (.ci/run unpacks Debian's)"
        with self._log.open("ab") as log:
            command = [_PROGRAM, str(self._configuration)]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **run_as(self._account)
            )
        eventually(lambda: self._answers(process), what="that pgbouncer answers")
        return process

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self._log.read_text(encoding="utf-8")
        try:
            self._show("VERSION")
        except psycopg2.OperationalError:
            return False
        return True

    def _show(self, what: str) -> list[dict[str, str]]:
        console = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=self._user, password=_PASSWORD, dbname="pgbouncer"
        )
        try:
            # Its console knows no BEGIN.
            console.autocommit = True
            with console.cursor() as cursor:
                cursor.execute(f"SHOW {what}")
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, map(str, row), strict=True)) for row in cursor.fetchall()]
        finally:
            console.close()


def _account() -> Account | None:
    """It refuses to run as root."""
    return unprivileged_account() if os.geteuid() == 0 else None
