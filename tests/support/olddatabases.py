"""Databases as version 0.1.0 has left them: dumps of what its own crawls made, under ``tests/fixtures/databases``.

``filled``   a complete sync with dead letters and a conflict, then an open one whose process was killed
``several``  three streams in one table: ``events`` complete, ``b`` complete and open again, ``c`` open
``prod``     only the stream ``prod`` was ever run
``seed``     the two seed tables, adopted in the middle of the feed

The number is the last migration that the database has. The leases of the killed processes have expired.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from datasync_spider.storage.owner import Owner
from tests.support.database import execute_outside, rows
from tests.support.feed import feed_events

DIRECTORY = Path(__file__).resolve().parents[1] / "fixtures" / "databases"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.sql"))
OUR_TABLES = (
    *("ingested_events", "ingestion_state", "ingestion_runs", "ingestion_pages", "rejected_events", "event_conflicts"),
    *("ingestion_sources", "ingestion_streams", "submission_attempts"),
)

_STATEMENT = re.compile(r"(?:\$\$.*?\$\$|[^;]|;(?!\n))+", re.DOTALL)


def load(url: str, name: str) -> None:
    """Into an empty database."""
    execute_outside(url, (DIRECTORY / f"{name}.sql").read_text(encoding="utf-8"))


def hold_lease(url: str, owner: Owner, stream: str = "events") -> None:
    """As a run of this process does that has just renewed its lease."""
    lease = f"lease_owner = '{owner.to_text()}', lease_run_id = 1, lease_acquired_at = now()"
    expiry = "lease_expires_at = now() + INTERVAL '1 hour'"
    execute_outside(url, f"UPDATE ingestion_state SET {lease}, {expiry} WHERE stream = '{stream}'")


def statements(text: str) -> list[str]:
    """Those of a migration's file, which ends each at the end of a line; what stands between $$ is a part of one."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in _STATEMENT.findall(code) if part.strip(";\n ")]


def contents(url: str) -> dict[str, list[Any]]:
    """All rows of all our tables that there are, as JSON, but for the instants at which they were registered."""
    query = "SELECT relname FROM pg_class WHERE relname = ANY (%s) AND relnamespace = 'public'::regnamespace"
    tables = [name for (name,) in rows(url, query, (list(OUR_TABLES),))]
    parts = [f"SELECT '{name}', to_jsonb(t) - 'created_at' FROM {name} AS t" for name in sorted(tables)]
    found: dict[str, list[Any]] = {name: [] for name in tables}
    for name, row in rows(url, " UNION ALL ".join(parts) + " ORDER BY 1, 2"):
        found[name].append(row)
    return found


def physical_rows(url: str, table: str) -> list[tuple[Any, ...]]:
    """Where each row lies and who wrote it: the same as before where none was rewritten."""
    (file,) = rows(url, "SELECT pg_relation_filenode(%s)", (table,))
    return [file, *rows(url, f"SELECT ctid::text, xmin::text, t.* FROM {table} AS t ORDER BY ctid")]


def old_feed(prefix: str = "evt", *, newer: int = 25) -> list[dict[str, Any]]:
    """The feed that ``filled`` and its like were read from, with two records that cannot be stored and an id twice.

    ``newer``: of those that came after the complete sync, with one more that cannot be stored.
    """
    events = feed_events(30, prefix)
    events[4] = {**events[4], "id": {"no": "text"}}
    events[12] = {name: value for name, value in events[12].items() if name != "id"}
    events.insert(17, {**events[3], "properties": {"n": 3, "again": True}})
    fresh = [
        {**event, "id": f"{prefix}-new-{n:02}", "timestamp": event["timestamp"] + 100_000}
        for n, event in enumerate(feed_events(newer, prefix))
    ]
    if fresh:
        fresh[3] = {**fresh[3], "id": 7.5}
    return fresh + events
