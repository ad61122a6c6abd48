"""What pending migrations will meet in a database, and do to it, before any is applied.

Invariant: looks only. What is foretold of the streams that share a table is what migration 0012 decides
(``migrations/0012_streams_and_slices.sql``); a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.liveruns import LiveRun, has_leases, read_live_runs
from datasync_spider.storage.migrate import Migration, load_migrations, pending_migrations
from datasync_spider.storage.obstacles import Obstacle, find_obstacles
from datasync_spider.storage.statements import statement

# Since this migration each stream has a table of its own.
_APART = 12
# Since this one there is everything that is looked at here; no version was released with less.
_FIRST_RELEASED = 7
_DEFAULT_STREAM = "events"


class Sharing(Struct, frozen=True):
    """Streams whose rows cannot be distinguished. ``keeper`` keeps all ``rows``; ``others``: what each has stored."""

    keeper: str
    rows: int
    others: dict[str, int]

    def lines(self) -> Iterator[str]:
        yield (
            "several streams have stored their rows in ingested_events, where they cannot be distinguished; after"
            f" migration {_APART:04} each has a table of its own:"
        )
        stored = sum(self.others.values())
        anew = "; its next sync reads the whole feed" if stored else ""
        yield f"  {self.keeper} keeps ingested_events with its {self.rows:,} rows, {stored:,} of them others'{anew}"
        for stream, count in self.others.items():
            yield (
                f"  {stream} begins a full sync in a table of its own; {count:,} rows that it has stored stay in"
                f" ingested_events, with {self.keeper}"
            )


class Weight(Struct, frozen=True):
    """How many rows are in the tables that are locked, as PostgreSQL estimates them."""

    pages: int
    dead_letters: int
    conflicts: int

    def __str__(self) -> str:
        return (
            "while they are applied, ingestion_state, ingestion_runs, ingestion_pages, rejected_events and"
            f" event_conflicts are locked against reading and writing (about {self.pages:,} pages,"
            f" {self.dead_letters:,} dead letters, {self.conflicts:,} conflicts: docs/operate/upgrading.md says how"
            " long that takes); ingested_events is neither locked nor rewritten"
        )


class Upgrade(Struct, frozen=True):
    """``pending``: what is to be applied. ``weight``: None where the tables are yet to be made."""

    pending: list[Migration]
    sharing: Sharing | None = None
    live_runs: tuple[LiveRun, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    weight: Weight | None = None


def look_ahead(connection: Connection) -> Upgrade:
    """Raises MigrationError where the database's past is not a prefix of ours. Rolls back."""
    known = load_migrations()
    pending = pending_migrations(connection, known)
    connection.rollback()
    if not pending:
        return Upgrade(pending)
    version = pending[0].version - 1
    with translated(), connection.cursor() as cursor:
        live = tuple(read_live_runs(cursor)) if has_leases(cursor) else ()
        is_filled = _FIRST_RELEASED <= version < _APART <= len(known)
        sharing = _read_sharing(cursor) if is_filled else None
        weight = None
        if is_filled:
            cursor.execute(statement("estimate_rows"))
            weight = Weight(*cursor.fetchone())
        connection.rollback()
    return Upgrade(pending, sharing, live, tuple(find_obstacles(connection, version, len(known))), weight)


def _read_sharing(cursor: Any) -> Sharing | None:
    cursor.execute(statement("read_begun_streams"))
    begun = dict(cursor.fetchall())
    if len(begun) < 2:
        return None
    begun.pop(_DEFAULT_STREAM, None)
    cursor.execute(statement("count_shared_rows"))
    ((rows,),) = cursor.fetchall()
    return Sharing(_DEFAULT_STREAM, rows, begun)
