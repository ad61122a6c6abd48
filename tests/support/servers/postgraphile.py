"""PostGraphile before a table of the tests' own PostgreSQL, which is the truth that syncs are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn

from tests.support.database import execute_outside, rows
from tests.support.servers.installing import npm_server
from tests.support.servers.running import RealServer, free_port

_TABLE = """
CREATE TABLE events (
    id text PRIMARY KEY,
    seq integer NOT NULL UNIQUE,
    occurred_at timestamptz NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1
)
"""
_ADD = """
INSERT INTO events (id, seq, occurred_at, kind, payload)
SELECT 'ev_' || left(md5(i::text), 12), i, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second',
    'kind-' || i %% 7, jsonb_build_object('n', i, 'text', 'name of ' || i)
FROM generate_series(%s, %s) AS i
"""
_TRUTH = """
SELECT id, jsonb_build_object('id', id, 'seq', seq, 'occurredAt', occurred_at, 'kind', kind, 'payload', payload,
    'version', version)
FROM events
"""


def seed(url: str, total: int) -> None:
    execute_outside(url, _TABLE)
    add(url, range(total))


def add(url: str, numbers: range) -> None:
    """Record ``number`` is of ``number`` seconds after the beginning of 2024; ids are in no order of time."""
    execute_outside(url, _ADD, (numbers[0], numbers[-1]))


def truth(url: str) -> dict[str, Any]:
    """What the table itself holds, as the server writes it, by id."""
    return dict(rows(url, _TRUTH))


@contextmanager
def serving(place: Path, database_url: str) -> Iterator[RealServer]:
    port = free_port()
    program = npm_server("postgraphile") / "node_modules" / ".bin" / "postgraphile"
    # Its driver finds a server behind a socket by libpq's variables, not by libpq's URLs.
    found = parse_dsn(database_url)
    environment = {"PGHOST": found["host"], "PGUSER": found.get("user", "postgres"), "PGDATABASE": found["dbname"]}
    if "port" in found:
        environment["PGPORT"] = found["port"]
    options = ["--schema", "public", "--host", "127.0.0.1", "--port", str(port), "--disable-query-log"]
    ready = f"http://127.0.0.1:{port}/graphiql"
    with RealServer(
        "postgraphile",
        ["node", str(program), "-c", "postgres://", *options, "--no-ignore-rbac", "--dynamic-json"],
        ready,
        cwd=place,
        environment=environment,
        log_path=place / "postgraphile.log",
    ) as server:
        yield server
