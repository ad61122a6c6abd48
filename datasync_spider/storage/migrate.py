"""Brings the database to the schema of this version.

Invariant: migrations are append-only. They are applied in order, each in a transaction of its own together with its
record, under a lock that lasts as long as the transaction; a migration that was edited after it was applied, or one
that this version does not know, is refused before anything is changed. A crash leaves whole migrations or none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from datasync_spider import failpoints
from datasync_spider.errors import MigrationError, StorageRefused, StorageUnavailable
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.limits import IDLE_TIMEOUT_MS, NO_LOCK_TIMEOUT_MS, limit_transaction
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated

DIRECTORY = Path(__file__).resolve().parents[2] / "migrations"
_ENCODING = "UTF8"
_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
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
    """All migrations in order. Raises MigrationError on a gap, a twin or a file that is named otherwise."""
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
                f"the database has migration {version:04}_{name}, which this version does not know:"
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
) -> list[Migration]:
    """Applies what is pending and commits each; gives the applied ones. Safe to call from several processes at once.

    Safe to call again after StorageUnavailable, on a new connection. ``on_applied`` hears of each one as it is
    committed, so also of those before such an end. Raises StorageRefused where the database cannot hold every text.
    """
    known = load_migrations() if migrations is None else migrations
    done: list[Migration] = []
    while True:
        with translated(), connection.cursor() as cursor:
            # A migration that has lost its client must not keep every later start waiting for its lock.
            limit_transaction(connection, IDLE_TIMEOUT_MS, NO_LOCK_TIMEOUT_MS)
            _refuse_other_encodings(cursor)
            cursor.execute(statement("lock_migrations"))
            # Asked again under the lock: another process may have been at it.
            pending = pending_migrations(connection, known)
            if not pending:
                connection.rollback()
                return done
            cursor.execute(statement("create_migrations_table"))
            migration = pending[0]
            try:
                cursor.execute(migration.sql)
            except psycopg2.Error as error:
                message = error.diag.message_primary or type(error).__name__
                if connection.closed:
                    # Nothing of it is left, or it still goes on: the next attempt waits for its lock, and looks.
                    lost = f"the connection was lost in migration {migration}: {' '.join(str(error).split())}"
                    raise StorageUnavailable(lost, error.pgcode) from error
                raise MigrationError(f"migration {migration} failed: {message}", error.pgcode) from error
            record = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
            cursor.execute(statement("record_migration"), record)
            failpoints.reach("in_migration")
            connection.commit()
            done.append(migration)
            on_applied(migration)


def _refuse_other_encodings(cursor: Any) -> None:
    cursor.execute(statement("read_encoding"))
    ((encoding, database),) = cursor.fetchall()
    if encoding != _ENCODING:
        raise StorageRefused(
            f"the encoding of the database {database} is {encoding}, which cannot hold every event:"
            f" create one with ENCODING '{_ENCODING}' and name it in DATABASE_URL"
        )
