"""What a database says of itself and of our rights in it, as plain facts; what they mean is decided elsewhere.

Invariant: looks only, and changes nothing.
"""

from __future__ import annotations

from msgspec import Struct

from datasync_spider.errors import MigrationError
from datasync_spider.storage.connection import Connection, RowCursor, connected, translated
from datasync_spider.storage.migrate import load_migrations, pending_migrations
from datasync_spider.storage.shape import find_faults
from datasync_spider.storage.statements import statement

_ADD = ("SELECT", "INSERT")
_CHANGE = ("SELECT", "INSERT", "UPDATE")
# Every table and view, with what crawls, replays and submissions do to it.
NEEDED_RIGHTS = {
    "ingested_events": _CHANGE,
    "ingestion_state": _CHANGE,
    "ingestion_sources": _CHANGE,
    "ingestion_streams": _CHANGE,
    "ingestion_columns": _CHANGE,
    "ingestion_runs": _CHANGE,
    "ingestion_pages": _ADD,
    "rejected_events": _CHANGE,
    "event_conflicts": _ADD,
    "submission_attempts": _CHANGE,
    "ingestion_credentials": (*_CHANGE, "DELETE"),
    "ingestion_credential_salt": _ADD,
    "ingestion_budgets": _CHANGE,
    "ingestion_tokens": _CHANGE,
    "ingestion_seen": (*_ADD, "DELETE"),
    "ingestion_due": (*_CHANGE, "DELETE"),
    "ingestion_notices": (*_CHANGE, "DELETE"),
    "ingestion_fields": (*_CHANGE, "DELETE"),
    "ingestion_field_drift": (*_CHANGE, "DELETE"),
    "ingestion_fleets": (*_CHANGE, "DELETE"),
    "schema_migrations": _ADD,
    "ingestion_stream_facts": ("SELECT",),
    "ingestion_run_facts": ("SELECT",),
    "ingestion_due_facts": ("SELECT",),
    "ingestion_slice_states": ("SELECT",),
    "ingestion_machines": ("SELECT",),
}


class ServerFacts(Struct, frozen=True):
    """Settings as the server spells them. ``now_epoch``: the server's clock, seconds since the epoch.

    ``standbys``: how many may confirm a commit; one of which that cannot be distinguished from here is counted.
    """

    version_number: int
    version: str
    encoding: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    synchronous_standby_names: str
    standbys: int
    is_read_only: bool
    is_read_only_by_default: bool
    role: str
    database: str
    schema: str | None
    may_create: bool
    may_create_temporary: bool
    database_bytes: int
    now_epoch: float


class DatabaseFacts(Struct, frozen=True):
    """``missing_rights``: such as ``INSERT on ingested_events``. ``alien_tables``: ours, but another role's.

    ``pending``: the migrations to come; ``alien_schema``: why the schema is none that these migrations made, else None.
    ``table_faults``: how tables differ from what the migrations have made of them.
    """

    server: ServerFacts
    missing_rights: tuple[str, ...]
    alien_tables: tuple[str, ...]
    pending: tuple[str, ...]
    alien_schema: str | None
    table_faults: tuple[str, ...] = ()


def inspect_database(database_url: str) -> DatabaseFacts:
    """Raises StorageUnavailable or StorageRefused where the database cannot be looked at."""
    with connected(database_url) as connection:
        server = _read_server(connection)
        missing, alien_tables = _read_rights(connection)
        # A role that may not read the table of migrations cannot know which are pending.
        may_read = "SELECT on schema_migrations" not in missing
        faults = tuple(find_faults(connection)) if may_read else ()
        # Where that table is not ours, it says nothing of migrations.
        pending, alien_schema = _read_pending(connection) if may_read and not faults else ((), None)
        connection.rollback()
    return DatabaseFacts(server, missing, alien_tables, pending, alien_schema, faults)


def _read_server(connection: Connection) -> ServerFacts:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_server"))
        row = cursor.fetchone()
    assert row is not None
    return ServerFacts(**row)


def _read_rights(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pairs = [(table, privilege) for table, privileges in NEEDED_RIGHTS.items() for privilege in privileges]
    values = {"tables": [table for table, _ in pairs], "privileges": [privilege for _, privilege in pairs]}
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_missing_rights"), values)
        missing = tuple(f"{privilege} on {table}" for table, privilege in cursor.fetchall())
        cursor.execute(statement("read_alien_tables"), {"tables": list(NEEDED_RIGHTS)})
        alien = tuple(name for (name,) in cursor.fetchall())
    return missing, alien


def _read_pending(connection: Connection) -> tuple[tuple[str, ...], str | None]:
    try:
        return tuple(str(migration) for migration in pending_migrations(connection, load_migrations())), None
    except MigrationError as error:
        return (), str(error)
