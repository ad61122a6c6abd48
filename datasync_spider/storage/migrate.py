"""Brings the database to the schema of this version.

Invariant: migrations are append-only. They are applied in order, each in a transaction of its own together with its
record, under a lock that lasts as long as the transaction; a migration that was edited after it was applied, or one
that this version does not know, is refused before anything is changed. A crash leaves whole migrations or none. None is
applied under a run that is at work: its program knows only the schema that it began with.

A lock that waits keeps all later ones waiting behind it, those of a crawl and of a page as well. So no lock on a table
is waited for longer than LOCK_TIMEOUT_MS at a time.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
from msgspec import Struct

from datasync_spider import __version__, failpoints
from datasync_spider.errors import LeaseHeld, MigrationError, StorageRefused, StorageUnavailable
from datasync_spider.storage.connection import (
    IDLE_TIMEOUT_MS,
    NO_LOCK_TIMEOUT_MS,
    Connection,
    limit_transaction,
    translated,
)
from datasync_spider.storage.liveruns import has_leases, read_live_runs
from datasync_spider.storage.statements import statement

logger = logging.getLogger(__name__)


def _directory() -> Path:
    """In the package where it is installed; in a checkout they lie at the top, where people look for them."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


DIRECTORY = _directory()
_ENCODING = "UTF8"
LOCK_TIMEOUT_MS = 2_000
# Others come first between two attempts.
_PAUSE_SECONDS = 1.0
_LOCKS_WITHIN_SECONDS = 60.0
# lock_not_available, deadlock_detected
_LOCKED_OUT = frozenset({"55P03", "40P01"})
# dependent_objects_still_exist, feature_not_supported: what depends on something that is changed
_DEPENDED_UPON = frozenset({"2BP01", "0A000"})
_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


class Migration(Struct, frozen=True):
    """One file. ``checksum`` is the SHA-256 of its text with line ends made LF: a checkout's do not matter."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"


def load_migrations(directory: Path = DIRECTORY) -> list[Migration]:
    """All migrations in order. Raises MigrationError on a gap, a number given twice or a file named otherwise."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is no migration: the name must look like 0006_what_it_does.sql")
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        found.append(Migration(int(match[1]), match[2], text))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"the migrations in {directory} are not numbered 1 to {len(found)} without a gap")
    if not found:
        raise MigrationError(f"there are no migrations in {directory}")
    return found


def pending_migrations(connection: Connection, migrations: list[Migration]) -> list[Migration]:
    """What is still to be applied. Raises MigrationError where the database's past is not a prefix of ours."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("has_migrations_table"))
        row = cursor.fetchone()
        if row is None or not row[0]:
            return list(migrations)
        cursor.execute(statement("read_migrations"))
        applied = cursor.fetchall()
    for position, (version, name, checksum) in enumerate(applied):
        ours = migrations[position] if position < len(migrations) else None
        if ours is None or ours.version != version:
            raise MigrationError(
                f"the database has migration {version:04}_{name}, which this version ({__version__}) does not know:"
                " run the version that made it, or a newer one"
            )
        if ours.checksum != checksum:
            raise MigrationError(
                f"migration {ours} was edited after it was applied: restore its file and put the change into a new one"
            )
    return migrations[len(applied) :]


def migrate(
    connection: Connection,
    migrations: list[Migration] | None = None,
    on_applied: Callable[[Migration], None] = lambda _: None,
    *,
    locks_within_seconds: float = _LOCKS_WITHIN_SECONDS,
) -> list[Migration]:
    """Applies what is pending and commits each; gives the applied ones. Safe to call from several processes at once.

    Safe to call again after StorageUnavailable, on a new connection. ``on_applied`` hears of each one as it is
    committed, so also of those before such an end. Raises StorageRefused where the database cannot hold every text,
    LeaseHeld where a run is at work, StorageUnavailable where a table's lock is not had for so long.
    """
    known = load_migrations() if migrations is None else migrations
    done: list[Migration] = []
    deadline = time.monotonic() + locks_within_seconds
    while True:
        try:
            migration = _migrate_once(connection, known)
        except StorageUnavailable as error:
            if error.sqlstate not in _LOCKED_OUT:
                raise
            holders = _read_lock_holders(connection)
            if time.monotonic() > deadline:
                raise StorageUnavailable(f"waiting for a table: {error}{holders}", error.sqlstate) from error
            logger.warning("%s%s; trying again", error, holders)
            time.sleep(_PAUSE_SECONDS)
            continue
        if migration is None:
            return done
        deadline = time.monotonic() + locks_within_seconds
        done.append(migration)
        on_applied(migration)


def _migrate_once(connection: Connection, known: list[Migration]) -> Migration | None:
    """Applies the next migration and commits it; None where there is none."""
    with translated(), connection.cursor() as cursor:
        # A migration that has lost its client must not keep every later start waiting for its lock.
        limit_transaction(connection, IDLE_TIMEOUT_MS, NO_LOCK_TIMEOUT_MS)
        _refuse_other_encodings(cursor)
        cursor.execute(statement("lock_migrations"))
        # Asked again under the lock: another process may have been at it.
        pending = pending_migrations(connection, known)
        if not pending:
            connection.rollback()
            return None
        migration = pending[0]
        limit_transaction(connection, IDLE_TIMEOUT_MS, LOCK_TIMEOUT_MS)
        _apply(connection, cursor, migration)
        failpoints.reach("in_migration")
        connection.commit()
        return migration


def _apply(connection: Connection, cursor: Any, migration: Migration) -> None:
    try:
        if has_leases(cursor):
            refuse_live_runs(cursor)
            # A process that opens a run waits here, and finds the new schema; one that has just done so is seen now.
            cursor.execute(statement("lock_state"))
            refuse_live_runs(cursor)
        cursor.execute(statement("create_migrations_table"))
        cursor.execute(migration.sql)
        record = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
        cursor.execute(statement("record_migration"), record)
    except LeaseHeld:
        connection.rollback()
        raise
    except psycopg2.Error as error:
        message = error.diag.message_primary or type(error).__name__
        if connection.closed:
            # Nothing of it is left, or it still goes on: the next attempt waits for its lock, and looks.
            lost = f"the connection was lost in migration {migration}: {' '.join(str(error).split())}"
            raise StorageUnavailable(lost, error.pgcode) from error
        if error.pgcode in _LOCKED_OUT:
            connection.rollback()
            waits = f"migration {migration} waits for a lock on our tables"
            raise StorageUnavailable(waits, error.pgcode) from error
        # That of other errors may hold data.
        named = error.diag.message_detail if error.pgcode in _DEPENDED_UPON else None
        detail = f" ({' '.join(named.split())})" if named else ""
        raise MigrationError(f"migration {migration} failed: {message}{detail}", error.pgcode) from error


def refuse_live_runs(cursor: Any) -> None:
    """Raises LeaseHeld where a run is at work, as far as its lease and this machine can know."""
    live = read_live_runs(cursor)
    if live:
        raise LeaseHeld(
            f"{'; '.join(map(str, live))}; migrations are pending, and none is applied under a run. Let it end, or"
            " stop it (SIGTERM: what it has fetched is committed), then try again"
        )


def _read_lock_holders(connection: Connection) -> str:
    """Who has locks on our tables, as the end of a sentence."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_lock_holders"))
        reported = [f"process {pid} ({name or 'unnamed'}, {state})" for pid, name, state in cursor.fetchall()]
        connection.rollback()
    return f": {', '.join(reported)} has one" if reported else ""


def _refuse_other_encodings(cursor: Any) -> None:
    cursor.execute(statement("read_encoding"))
    ((encoding, database),) = cursor.fetchall()
    if encoding != _ENCODING:
        raise StorageRefused(
            f"the encoding of the database {database} is {encoding}, which cannot hold every event:"
            f" create one with ENCODING '{_ENCODING}' and name it in DATABASE_URL"
        )
