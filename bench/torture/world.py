"""What a round is played in: a server that can be hurt, a proxy before it, a mock, and the crawls.

Invariant: everything started here ends here, whatever the round did to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg2
from psycopg2.extensions import parse_dsn

from bench.served import PROJECT, ServingProcess
from bench.torture.oracle import EVENTS, Stream
from bench.torture.proxy import Proxy
from embedded_postgres.starting import EmbeddedPostgres, start_embedded


class Database:
    """An embedded server of our own, and one database a round."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="datasync-torture-")
        self.home = Path(self._directory.name)
        self._server: EmbeddedPostgres = start_embedded(self.home)
        self._parts = parse_dsn(self._server.url)
        self.proxy = Proxy(f"{self._parts['host']}/.s.PGSQL.{self._parts.get('port', '5432')}")
        self.name = ""
        self._power = threading.RLock()

    def fresh(self, tablespace: str = "pg_default") -> None:
        """Drops the last round's database and makes another."""
        old, self.name = self.name, f"round_{uuid.uuid4().hex[:10]}"
        if old:
            self.execute(f"DROP DATABASE {old} WITH (FORCE)")
        self.execute(f"CREATE DATABASE {self.name} TABLESPACE {tablespace}")

    def drop(self) -> None:
        """Drops this round's database and makes none."""
        old, self.name = self.name, ""
        self.execute(f"DROP DATABASE {old} WITH (FORCE)")

    @property
    def direct_url(self) -> str:
        """For the oracle, which nothing may disturb."""
        user, host = self._parts.get("user", "postgres"), self._parts["host"]
        return f"postgresql://{user}@/{self.name}?host={host}&port={self._parts.get('port', '5432')}"

    @property
    def proxied_url(self) -> str:
        """For the crawls."""
        return f"postgresql://{self._parts.get('user', 'postgres')}@127.0.0.1:{self.proxy.port}/{self.name}"

    @contextlib.contextmanager
    def powered(self) -> Iterator[None]:
        """No one else takes the power away meanwhile, and it is there, unless the caller takes it away."""
        with self._power:
            yield

    def lose_power(self) -> None:
        """Ends all server processes at once, then brings the server back through crash recovery."""
        pid = int((self.home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(pid)
            family = [postmaster, *postmaster.children(recursive=True)]
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(family, timeout=10)

    def come_back(self) -> None:
        start_embedded(self.home).close()

    def terminate_backends(self) -> int:
        with contextlib.suppress(psycopg2.Error):
            rows = self.query(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'datasync %'"
            )
            return int(rows[0][0])
        return 0

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.direct_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def copy_out(self, query: str, file: IO[bytes]) -> None:
        """The query's rows as COPY writes them."""
        connection = psycopg2.connect(self.direct_url)
        try:
            with connection.cursor() as cursor:
                cursor.copy_expert(f"COPY ({query}) TO STDOUT", file)
        finally:
            connection.close()

    def close(self) -> None:
        self.proxy.close()
        self._server.close()
        self._directory.cleanup()

    def execute(self, sql: str) -> None:
        """A statement that no transaction may hold, outside of the round's database."""
        connection = psycopg2.connect(self._server.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()


class Mock(ServingProcess):
    """The mock API with its faults."""

    def __init__(self, arguments: list[str]) -> None:
        super().__init__("mock_api", "--port", "0", "--exit-with-parent", *arguments)

    def control(self, path: str, method: str = "GET", body: Any = None) -> Any:
        text = self.ask(f"__control/{path}", method, body)
        return json.loads(text) if text else None


class Command:
    """A process of ours, as an operator starts it; ``mutant`` names a broken version."""

    def __init__(
        self, arguments: Sequence[str], settings: Mapping[str, str], log_path: Path, mutant: str | None = None
    ) -> None:
        tool = ["-m", "bench.torture.mutants", mutant] if mutant else ["-m", "scrapy"]
        taken_out = ("API_", "DATA", "STREAM", "SLICE", "SOURCES", "SYNC_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(taken_out)}
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *tool, *arguments],
                cwd=PROJECT,
                env={**environment, **settings},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self) -> None:
        self.send(signal.SIGKILL)
        self.send(signal.SIGCONT)
        self.process.wait(30)


class Crawl(Command):
    """One crawl of a stream."""

    def __init__(
        self, settings: Mapping[str, str], log_path: Path, mutant: str | None = None, stream: Stream = EVENTS
    ) -> None:
        named = {"STREAM": stream.name, **({"SLICE": stream.slice} if stream.slice else {})}
        super().__init__(["crawl", "events"], {**named, **settings}, log_path, mutant)
