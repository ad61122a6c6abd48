"""What some work has cost the PostgreSQL that is measured: processor time, transactions, statements, bytes.

Invariant: whoever asks is connected to another database than the one that is asked about, but for the sizes of its
tables, and is no part of what is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.server import Server, execute, query
from bench.treecpu import cpu_seconds_of

_LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): ")
_SIZES = """
SELECT relname::text, pg_total_relation_size(oid)::bigint
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class ServerCost:
    """Up to now, or between two looks."""

    cpu_seconds: float
    transactions: int

    def since(self, before: ServerCost) -> ServerCost:
        return ServerCost(self.cpu_seconds - before.cpu_seconds, self.transactions - before.transactions)


def cost_of(server: Server, url: str) -> ServerCost:
    """Of the whole server, and the transactions of this database. Those of sessions that go on may be missing."""
    name = urlsplit(url).path.removeprefix("/")
    asked = f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
    return ServerCost(cpu_seconds_of(server.pid), int(query(server.other_url, asked)[0][0]))


def log_statements(url: str) -> None:
    """From now on each statement of a new session of this database is in the server's log."""
    execute(url, f"ALTER DATABASE {urlsplit(url).path.removeprefix('/')} SET log_statement = 'all'")


def count_statements(log: Path, start: int) -> int:
    """In the log from this byte on."""
    with log.open("rb") as file:
        file.seek(start)
        return sum(1 for line in file if _LOGGED.search(line.decode(errors="replace")))


def table_bytes(url: str) -> dict[str, int]:
    """Of each table with its indexes."""
    return dict(query(url, _SIZES))
