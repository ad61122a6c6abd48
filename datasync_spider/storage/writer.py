"""THE transaction: rows, dead letters, ledger, run counters, watermarks and cursor, all or nothing.

States of a batch, and what a crash in each leaves behind:

copying       rows in an open transaction                nothing; the page is fetched again
splitting known from new       known rows compared, new ones copied       nothing
(:mod:`datasync_spider.storage.splitknown`) merging       neither was possible: merged as a whole    nothing
waiting       all rows sent, its turn not yet come       nothing
checkpointed  the stream's row updated under its lock    nothing; the fence was checked under that lock
committing    COMMIT sent, no answer yet                 all or nothing; :func:`was_committed` reads which
committed     the answer came                            everything

Invariant: the checkpoint touches exactly one row, the one whose fence is ours, or nothing is committed. Batches
commit in the order of their numbers: the caller's ``turn`` returns when all earlier ones have.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

import psycopg2
import psycopg2.errors
from msgspec import Struct

from datasync_spider import failpoints
from datasync_spider.errors import FencedOff, RowsRejected
from datasync_spider.storage import deletions
from datasync_spider.storage.backends import label
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.checkpoint import RunTotals, save_checkpoint
from datasync_spider.storage.conflicts import contested_rows, resolve
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.copying import CopyStream
from datasync_spider.storage.copymode import CopyMode
from datasync_spider.storage.limits import limit_transaction
from datasync_spider.storage.quarantine import RejectedRow, stage_pages
from datasync_spider.storage.rejections import insert_rejected
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.splitknown import compare_staged, split_known
from datasync_spider.storage.sql import statement
from datasync_spider.storage.storedkeys import StoredKeys
from datasync_spider.storage.translate import translated


class _Written(Struct):
    """What became of a batch's rows, by page number.

    ``differing``: ids that were stored already, with other content.
    ``is_staging``: ``staged_events`` exists. ``replacing``: the pages that brought a later version of what was stored.
    ``known``: ids of its rows that it has not stored: they were there, or PostgreSQL has refused them.
    """

    inserted: dict[int, int]
    refused: dict[int, list[RejectedRow]]
    differing: AbstractSet[str] = frozenset()
    is_staging: bool = False
    replacing: frozenset[int] = frozenset()
    known: AbstractSet[str] = frozenset()


class Writer:
    """Writes batches of one run. One instance serves several connections, each used by one thread at a time."""

    def __init__(
        self,
        run: OpenRun,
        mode: CopyMode | None = None,
        rejected_max_percent: float = 100.0,
    ) -> None:
        self._run = run
        self._table = run.slice.table
        self._mode = mode or CopyMode()
        self._stored_keys = StoredKeys(run.slice.table, run.resume.total_ingested)
        self._rejected_max_percent = rejected_max_percent

    def write(
        self, connection: Connection, batch: Batch, turn: Callable[[], None], totals: Callable[[], RunTotals]
    ) -> Committed:
        """Writes and commits one batch; returns when it is committed.

        Raises FencedOff where the stream is no longer ours, StorageUnavailable where a fresh connection may help
        (whether a COMMIT of unknown outcome happened must then be read back), StorageRefused where nothing will.
        """
        started = time.monotonic()
        run = self._run.widened() if batch.is_widened else self._run
        with translated():
            limit_transaction(connection, self._run.lease_ttl_ms, slice_id=self._run.slice.slice_id)
            written = self._write_rows(connection, batch)
            turn()
            failpoints.reach("before_checkpoint")
            conflicts = self._resolve_conflicts(connection, batch, written)
            kept = insert_rejected(connection, run, batch, written.inserted, written.refused)
            memory = deletions.meet(connection, run, batch, written.known)
            write_seconds = time.monotonic() - started
            committed = save_checkpoint(
                connection,
                run,
                batch,
                written.inserted,
                written.refused,
                kept,
                conflicts,
                write_seconds,
                totals(),
                self._rejected_max_percent,
                written.replacing,
                memory,
            )
            failpoints.reach("before_commit")
            connection.commit()
            failpoints.reach("after_commit")
        return committed

    def go_on(self, run: OpenRun) -> None:
        """The same run in another pass. No batch may be on its way."""
        self._run = run

    def was_committed(self, connection: Connection, batch: Batch) -> Committed | None:
        """After a COMMIT of unknown outcome: the batch's own account if it did happen, None if it did not.

        One that is still going on at the server is waited for. Raises FencedOff where the stream has gone to another
        run meanwhile.
        """
        run = self._run
        with translated(), connection.cursor() as cursor:
            limit_transaction(connection, self._run.lease_ttl_ms)
            cursor.execute(statement("read_checkpoint"), run.key)
            row = cursor.fetchone()
            if row is None or row[0] != run.fence or row[1] != run.run_id:
                raise FencedOff(f"stream {run.slice} has been taken over by another run")
            if row[2] < batch.last_page:
                connection.rollback()
                return None
            pages = {"run_id": run.run_id, "first_page": batch.first_page, "last_page": batch.last_page}
            cursor.execute(statement("read_batch_counts"), pages)
            counts = cursor.fetchone()
            cursor.execute(statement("read_run_status"), {"run_id": run.run_id})
            status = _run_status(cursor)
            connection.rollback()
        assert counts is not None
        return Committed(
            batch_number=batch.number,
            first_page=batch.first_page,
            last_page=batch.last_page,
            pages=len(batch.pages),
            events=sum(page.page.received_events for page in batch.pages),
            inserted=int(counts[0]),
            duplicates=int(counts[1]),
            rejected=int(counts[2]),
            filtered=sum(page.filtered for page in batch.pages),
            body_bytes=sum(page.page.body_bytes for page in batch.pages),
            write_seconds=0.0,
            run_status=status,
            last_new_page=batch.last_page if counts[0] or counts[2] else None,
        )

    def label(self, slot: int) -> str:
        """The name under which the server is to list a writing connection."""
        return label(self._run.run_id, f"writer {slot}")

    def _resolve_conflicts(self, connection: Connection, batch: Batch, written: _Written) -> int:
        contested = contested_rows(batch, written.differing)
        if not contested:
            return 0
        run = self._run
        resolved = resolve(connection, run, contested, is_staging=written.is_staging)
        for page_number, rows in resolved.inserted.items():
            written.inserted[page_number] = written.inserted.get(page_number, 0) + rows
        for page_number, refused in resolved.refused.items():
            written.refused[page_number] = written.refused.get(page_number, []) + refused
        written.replacing = resolved.replacing
        return resolved.conflicts

    def _write_rows(self, connection: Connection, batch: Batch) -> _Written:
        if batch.rows == 0:
            return _Written({}, {})
        if self._mode.prefers_straight():
            return self._copy_straight(connection, batch)
        return self._split_known(connection, batch)

    def _copy_straight(self, connection: Connection, batch: Batch) -> _Written:
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT rows")
            try:
                stream = CopyStream((page.rows for page in batch.pages), self._table.slice_id)
                cursor.copy_expert(self._table.statement("copy_straight"), stream)
            except psycopg2.errors.UniqueViolation:
                cursor.execute("ROLLBACK TO SAVEPOINT rows")
                self._mode.conflicted()
                return self._split_known(connection, batch)
            except psycopg2.Error as error:
                with translated():
                    _raise_unless_refused(error)
                cursor.execute("ROLLBACK TO SAVEPOINT rows")
                return self._merge(connection, batch)
            cursor.execute("RELEASE SAVEPOINT rows")
        self._mode.succeeded()
        return _Written({page.page.number: len(page.rows) for page in batch.pages}, {})

    def _split_known(self, connection: Connection, batch: Batch) -> _Written:
        probes = self._mode.prefers_probing()
        if probes:
            self._stored_keys.read_if_worth(connection)
        split = split_known(connection, self._table, batch, self._stored_keys, probes=probes)
        if split is None:
            self._stored_keys.give_up()
            return self._merge(connection, batch)
        self._mode.split(batch.rows, len(split.known))
        return _Written(split.inserted, {}, split.differing, is_staging=split.is_staged, known=split.known)

    def _merge(self, connection: Connection, batch: Batch) -> _Written:
        with connection.cursor() as cursor:
            cursor.execute(statement("create_staging"))
            refused = stage_pages(connection, {page.page.number: page.rows for page in batch.pages})
            cursor.execute(self._table.statement("merge_staged"))
            merged = {event_id for (event_id,) in cursor.fetchall()}
            cursor.execute(statement("look_up_by_key"))
            _, differing = compare_staged(cursor, self._table)
        inserted = {page.page.number: len(merged.intersection(page.rows.event_ids)) for page in batch.pages}
        taken = batch.rows - sum(map(len, refused.values()))
        self._mode.split(batch.rows, taken - len(merged))
        known = {event_id for page in batch.pages for event_id in page.rows.event_ids} - merged
        return _Written(inserted, refused, differing, is_staging=True, known=known)


def _raise_unless_refused(error: psycopg2.Error) -> None:
    try:
        with translated():
            raise error
    except RowsRejected:
        return


def _run_status(cursor: psycopg2.extensions.cursor) -> str | None:
    row = cursor.fetchone()
    status = row[0] if row else None
    return None if status == "running" else status
