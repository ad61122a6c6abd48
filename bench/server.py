"""The PostgreSQL that is measured: the embedded one, started as the project starts it, with nothing in it but ours.

Invariant: each measurement gets a database of its own, copied from a template, and begins after a checkpoint, so that
no one pays for the pages that another one dirtied.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg2

from bench.connections import ConnectionWatch
from datasync_spider.storage.connection import connect
from datasync_spider.storage.migrate import migrate
from embedded_postgres.places import Places
from embedded_postgres.postmaster import read_postmaster
from embedded_postgres.starting import start_embedded

EMPTY = "bench_empty"


class Server:
    """A server in a temporary directory, with a migrated template."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="datasync-bench-")
        self.directory = Path(self._directory.name)
        try:
            self._embedded = start_embedded(self.directory / "home")
            self._places = Places.below(self.directory / "home")
            self._execute(f"CREATE DATABASE {EMPTY}")
            connection = connect(self.url(EMPTY))
            try:
                migrate(connection)
            finally:
                connection.close()
        except BaseException:
            self._directory.cleanup()
            raise
        self._made = 0

    def url(self, name: str) -> str:
        """Another database of this server."""
        parts = urlsplit(self._embedded.url)
        return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"

    @contextmanager
    def fresh(self, template: str = EMPTY) -> Iterator[str]:
        """The URL of a copy of the template, dropped afterwards."""
        self._made += 1
        name = f"bench_{self._made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._execute("CHECKPOINT")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self, name: str) -> str:
        """A migrated database that the caller fills; :meth:`fresh` copies it once no one is connected."""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {EMPTY}")
        return self.url(name)

    def watching(self, url: str) -> ConnectionWatch:
        """Counts the connections of one of its databases."""
        return ConnectionWatch(self._embedded.url, urlsplit(url).path.removeprefix("/"))

    @property
    def pid(self) -> int:
        """Of the process that has started all others of the server."""
        postmaster = read_postmaster(self._places.data)
        assert postmaster is not None
        return postmaster.pid

    @property
    def log(self) -> Path:
        return self._places.log

    @property
    def other_url(self) -> str:
        """Of a database in which nothing is measured."""
        return self._embedded.url

    def version(self) -> str:
        return str(query(self._embedded.url, "SHOW server_version")[0][0])

    def close(self) -> None:
        self._embedded.close()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, sql: str) -> None:
        execute(self._embedded.url, sql)


def execute(url: str, sql: str) -> None:
    """One statement outside of any transaction."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
    finally:
        connection.close()


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """All rows of one question."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()
