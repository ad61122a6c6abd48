"""Forgets what is stored of a stream or of one slice, or lets it go altogether.

States, and what a crash in each leaves behind (one transaction, so nothing until the last):

locked     the stream's row and its slices' rows are ours: no run of them begins or commits, no slice is added
fenced     the fences are raised, what earlier runs have left on the server is ended
emptied    the table is empty, or gone; of a slice its rows
forgotten  dead letters, conflicts and progress are gone; where the stream goes, its pages, runs and registry rows, too
committed  all of it. A run that wakes up now finds another fence, or no row, and rolls back

Ending a backend is the one thing that a rollback does not take back: it is of a run whose lease counts no more, and it
could not have committed under our locks.

Invariant: nothing of a slice goes while its lease is held by a process that is not known to be dead. What is not ours
(a view, a foreign key) is never dropped with a table: it is named, and everything stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2.errors
from msgspec import Struct

from datasync_spider import failpoints
from datasync_spider.errors import LeaseHeld, StorageRefused, StorageUnavailable
from datasync_spider.sources.streamnames import label
from datasync_spider.storage.backends import end_backends_of_slices
from datasync_spider.storage.connection import (
    IDLE_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    Connection,
    RowCursor,
    limit_transaction,
    translated,
)
from datasync_spider.storage.due import forget_due, make_due
from datasync_spider.storage.lease import Held, decide
from datasync_spider.storage.owner import Owner, is_alive
from datasync_spider.storage.statements import SEED_TABLE, StreamTable, statement
from datasync_spider.storage.views import drop_view


class Target(Struct, frozen=True):
    """What a person has named: a stream, or one slice of it where ``slice_name`` is given.

    ``table`` is None where it was never made; ``rows`` and ``rejected`` are by the totals. ``foreign_keys`` of other
    tables lead to the table. ``tokens``: rows of the source's credentials, which stay.
    """

    stream_id: int
    stream: str
    slice_name: str | None
    table: StreamTable | None
    slices: int
    rows: int
    rejected: int
    paused: int
    foreign_keys: tuple[str, ...]
    tokens: int = 0

    @property
    def is_seed(self) -> bool:
        """Whether its table is the one that every database of this program has."""
        return self.table is not None and (self.table.schema, self.table.name) == (None, SEED_TABLE)

    def __str__(self) -> str:
        return label(self.stream, self.slice_name) if self.slice_name is not None else self.stream


def find_target(connection: Connection, stream: str, slice_name: str | None) -> Target | None:
    """What there is under this name; None where the stream, or the slice of it, is not registered."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        found = _find(cursor, stream)
        rows = _slices(cursor, "peek_slices", found["stream_id"], slice_name) if found else []
        if found is None or (slice_name is not None and not rows):
            connection.rollback()
            return None
        if not found["is_sliced"]:
            # Its one slice is all of it.
            slice_name = None
        table, _ = _tables(found)
        keys = _facts(cursor, table)["foreign_keys"] if table else []
        cursor.execute(statement("count_tokens_of"), {"source_id": found["source_id"]})
        tokens = cursor.fetchone()["count"]
        connection.rollback()
    return Target(
        stream_id=found["stream_id"],
        stream=stream,
        slice_name=slice_name,
        table=table,
        slices=len(rows),
        rows=sum(row["total_ingested"] for row in rows),
        rejected=sum(row["total_rejected"] for row in rows),
        paused=sum(row["paused_at"] is not None for row in rows),
        foreign_keys=tuple(keys),
        tokens=tokens,
    )


def reset(
    connection: Connection, target: Target, lease_ttl_ms: int, *, alive: Callable[[Owner], bool | None] = is_alive
) -> None:
    """Forgets what is stored: the next crawl reads all of it anew, as a full pass, into the same table.

    The runs and the ledger stay as history; they count rows that are not there any more. Raises LeaseHeld,
    StorageUnavailable where a lock is not had in time, StorageRefused where the stream has changed meanwhile or rows of
    other tables refer to its rows.
    """
    _Removal(connection, target, lease_ttl_ms, alive, drops=False).run()


def drop(
    connection: Connection, target: Target, lease_ttl_ms: int, *, alive: Callable[[Owner], bool | None] = is_alive
) -> None:
    """The same, and the stream itself goes: its table, its history, its rows in the registry; of a slice the same.

    Raises StorageRefused also where something depends on the table, and where the table is the seed's.
    """
    _Removal(connection, target, lease_ttl_ms, alive, drops=True).run()


class _Removal:
    """One transaction; see the states above."""

    def __init__(
        self,
        connection: Connection,
        target: Target,
        lease_ttl_ms: int,
        alive: Callable[[Owner], bool | None],
        *,
        drops: bool,
    ) -> None:
        self._connection = connection
        self._target = target
        # A transaction that holds a slice's row gives it back within a lease's life.
        self._row_wait_ms = max(LOCK_TIMEOUT_MS, lease_ttl_ms)
        self._alive = alive
        self._drops = drops

    def run(self) -> None:
        target = self._target
        if self._drops and target.is_seed:
            raise StorageRefused(
                f"{target.table} is a table that every database of this program has:"
                f" scrapy streams reset {target.stream} empties it"
            )
        with translated(), self._connection.cursor(cursor_factory=RowCursor) as cursor:
            limit_transaction(self._connection, IDLE_TIMEOUT_MS, self._row_wait_ms)
            try:
                found, slice_ids = self._lock(cursor)
            except psycopg2.errors.LockNotAvailable as error:
                raise StorageUnavailable(
                    f"the rows of {target} in ingestion_state are locked by someone for longer than"
                    f" {self._row_wait_ms / 1000:g} s: nothing has changed, try again",
                    error.pgcode,
                ) from error
            self._fence(cursor, slice_ids)
            failpoints.reach("removal_fenced")
            limit_transaction(self._connection, IDLE_TIMEOUT_MS, LOCK_TIMEOUT_MS)
            tables = [table for table in _tables(found) if table is not None]
            if self._drops and self._target.slice_name is None:
                tables = [table for table in (_timeline(found), *tables) if table is not None]
            for table in tables:
                self._remove_rows(cursor, table, slice_ids)
            self._forget(cursor, found, slice_ids)
            failpoints.reach("removal_written")
            self._connection.commit()
        failpoints.reach("removal_committed")

    def _lock(self, cursor: Any) -> tuple[dict[str, Any], list[int]]:
        """The stream's row and the numbers of its slices, all of them ours."""
        target = self._target
        # Before anything is waited for: a run that lives holds these rows again and again.
        self._check_free(_slices(cursor, "peek_slices", target.stream_id, target.slice_name))
        name = "lock_stream_whole" if target.slice_name is None else "lock_stream"
        cursor.execute(statement(name), {"stream_id": target.stream_id})
        found = _find(cursor, target.stream)
        rows = _slices(cursor, "lock_slices", target.stream_id, target.slice_name)
        if found is None or found["stream_id"] != target.stream_id or (target.slice_name is not None and not rows):
            self._connection.rollback()
            raise StorageRefused(f"stream {target} has been dropped meanwhile")
        if self._drops and target.slice_name is None and _tables(found)[0] != target.table:
            self._connection.rollback()
            raise StorageRefused(f"stream {target} has been given a table meanwhile: look again")
        self._check_free(rows)
        return found, [row["id"] for row in rows]

    def _check_free(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            decision = decide(
                row["lease_owner"],
                row["lease_acquired_at"],
                expired=row["lease_expired"],
                unheard=None,
                is_alive=self._alive,
            )
            if isinstance(decision, Held):
                self._connection.rollback()
                since = f" since {decision.since:%Y-%m-%d %H:%M:%S %Z}" if decision.since else ""
                raise LeaseHeld(
                    f"stream {label(self._target.stream, row['slice'])} is being run by {decision.holder}{since}"
                    f" (run {row['lease_run_id']}): nothing has changed; let it end, or stop it"
                )

    def _fence(self, cursor: Any, slice_ids: list[int]) -> None:
        cursor.execute(statement("raise_fences"), {"slice_ids": slice_ids})
        word = "drop" if self._drops else "reset"
        lost = {"run_id": 0, "reason": "lost", "detail": f"the run ended without a word; then scrapy streams {word}"}
        cursor.execute(statement("supersede_runs"), {**lost, "slice_ids": slice_ids})
        end_backends_of_slices(self._connection, slice_ids)

    def _remove_rows(self, cursor: Any, table: StreamTable, slice_ids: list[int]) -> None:
        facts = _facts(cursor, table)
        if not facts["is_there"]:
            return
        try:
            if self._target.slice_name is not None:
                (slice_id,) = slice_ids
                cursor.execute(StreamTable(table.name, table.schema, slice_id).statement("delete_rows"))
            elif self._drops:
                cursor.execute(table.statement("lock_table"))
                if table.timeline is None:
                    drop_view(cursor, self._target.stream)
                cursor.execute(table.statement("drop_timeline" if table.timeline else "drop_table"))
            elif facts["may_truncate"]:
                cursor.execute(table.statement("lock_table"))
                cursor.execute(table.statement("empty_table"))
            else:
                # A table that foreign keys lead to cannot be truncated; what is to become of their rows they say.
                cursor.execute(table.statement("delete_rows"))
        except psycopg2.errors.LockNotAvailable as error:
            self._connection.rollback()
            holders = self._holders(cursor, table)
            raise StorageUnavailable(
                f"{table} is locked for longer than {LOCK_TIMEOUT_MS / 1000:g} s{holders}: nothing has changed,"
                " let that end and try again",
                error.pgcode,
            ) from error
        except psycopg2.errors.DependentObjectsStillExist as error:
            self._connection.rollback()
            named = "; ".join((error.diag.message_detail or "").splitlines())
            raise StorageRefused(
                f"{table} is not dropped, since something that is not ours depends on it: {named}. Nothing has changed:"
                " drop that first, or scrapy streams reset keeps the table",
                error.pgcode,
            ) from error
        except psycopg2.errors.ForeignKeyViolation as error:
            self._connection.rollback()
            raise StorageRefused(
                f"rows of {error.diag.table_name} refer to rows of {table} (foreign key"
                f" {error.diag.constraint_name}): nothing has changed; delete those first",
                error.pgcode,
            ) from error

    def _holders(self, cursor: Any, table: StreamTable) -> str:
        cursor.execute(statement("read_table_holders"), {"schema": table.schema, "name": table.name})
        named = [
            f"process {row['pid']} of the server ({row['application_name'] or 'no name'}, {row['state']})"
            for row in cursor.fetchall()
        ]
        self._connection.rollback()
        return f" by {', '.join(named)}" if named else ""

    def _forget(self, cursor: Any, found: dict[str, Any], slice_ids: list[int]) -> None:
        slices, stream = {"slice_ids": slice_ids}, {"stream_id": found["stream_id"]}
        is_whole = self._target.slice_name is None
        cursor.execute(statement("delete_conflicts_of"), slices)
        cursor.execute(statement("delete_dead_letters_of"), slices)
        cursor.execute(statement("delete_seen_of"), slices)
        cursor.execute(statement("delete_drift_of"), slices)
        if is_whole:
            cursor.execute(statement("delete_fields_of"), stream)
        if self._drops:
            forget_due(cursor, self._target.stream, self._target.slice_name)
            cursor.execute(statement("delete_pages_of"), slices)
            cursor.execute(statement("delete_runs_of"), slices)
            cursor.execute(statement("delete_slices"), slices)
            if is_whole:
                cursor.execute(statement("delete_stream"), stream)
                cursor.execute(statement("lock_source"), {"source_id": found["source_id"]})
                cursor.execute(statement("delete_source_without_streams"), {"source_id": found["source_id"]})
            return
        cursor.execute(statement("forget_progress"), slices)
        make_due(cursor, self._target.stream, None if is_whole else [str(self._target.slice_name)])
        if is_whole:
            cursor.execute(statement("forget_fingerprint"), stream)
            table = _tables(found)[0]
            if table is not None and not _facts(cursor, table)["is_there"]:
                cursor.execute(statement("forget_table"), stream)


def _find(cursor: Any, stream: str) -> dict[str, Any] | None:
    cursor.execute(statement("find_stream"), {"stream": stream})
    row = cursor.fetchone()
    return dict(row) if row else None


def _slices(cursor: Any, name: str, stream_id: int, slice_name: str | None) -> list[dict[str, Any]]:
    cursor.execute(statement(name), {"stream_id": stream_id, "slice": slice_name})
    return [dict(row) for row in cursor.fetchall()]


def _tables(found: dict[str, Any]) -> tuple[StreamTable | None, StreamTable | None]:
    """The stream's table, and the one of its history."""
    schema, name, history = found["table_schema"], found["table_name"], found["history_name"]
    return (
        StreamTable(name, schema) if name is not None else None,
        StreamTable(history, schema) if history is not None else None,
    )


def _timeline(found: dict[str, Any]) -> StreamTable | None:
    """The view of both, which goes before them."""
    name = found["timeline_name"]
    return None if name is None else StreamTable(name, found["table_schema"], timeline=name)


def _facts(cursor: Any, table: StreamTable) -> dict[str, Any]:
    cursor.execute(statement("read_table_facts"), {"schema": table.schema, "name": table.name})
    return dict(cursor.fetchone())
