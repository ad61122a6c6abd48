"""THE transaction: rows, dead letters, ledger, run counters, watermarks and cursor, all or nothing.

States of a batch, and what a crash in each leaves behind:

copying       rows in an open transaction                nothing; the page is fetched again
splitting     known rows compared, new ones copied       nothing (:mod:`datasync_spider.storage.splitknown`)
merging       neither was possible: merged as a whole    nothing
waiting       all rows sent, its turn not yet come       nothing
checkpointed  the stream's row updated under its lock    nothing; the fence was checked under that lock
committing    COMMIT sent, no answer yet                 all or nothing; :func:`was_committed` reads which
committed     the answer came                            everything

Invariant: the checkpoint touches exactly one row, the one whose fence is ours, or nothing is committed. Batches
commit in the order of their numbers: the caller's ``turn`` returns when all earlier ones have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg2.extensions
from msgspec.structs import replace

from datasync_spider import failpoints
from datasync_spider.errors import FencedOff
from datasync_spider.storage import deletions, fields
from datasync_spider.storage.batch import Batch, Committed, Counts, Outcome
from datasync_spider.storage.checkpoint import save_checkpoint
from datasync_spider.storage.conflicts import Resolved, contested_rows, resolve
from datasync_spider.storage.connection import Connection, limit_transaction, translated
from datasync_spider.storage.copying import CopyMode, RowWriter
from datasync_spider.storage.rejections import insert_rejected
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement


class Writer:
    """Writes batches of one run. One instance serves several connections, each used by one thread at a time."""

    def __init__(
        self,
        run: OpenRun,
        mode: CopyMode | None = None,
        rejected_max_percent: float = 100.0,
    ) -> None:
        self._run = run
        self._rows = RowWriter(run.slice.table, run.resume.total_ingested, mode or CopyMode())
        self._rejected_max_percent = rejected_max_percent
        self._fields = fields.FieldWatch(run)

    def begin(self, connection: Connection) -> None:
        """Begins a batch's transaction, where none is begun: only that proves, behind a pooler, that the server works.

        Raises StorageErrors.
        """
        with translated():
            if connection.status == psycopg2.extensions.STATUS_READY:
                limit_transaction(connection, self._run.lease_ttl_ms, slice_id=self._run.slice.slice_id)

    def write(
        self, connection: Connection, batch: Batch, turn: Callable[[], None], spent: Callable[[], Counts]
    ) -> Committed:
        """Writes and commits one batch; returns when it is committed.

        ``spent``: what the run has cost so far. Raises FencedOff where the stream is no longer ours, StorageUnavailable
        where a fresh connection may help (whether a COMMIT of unknown outcome happened must then be read back),
        StorageRefused where nothing will.
        """
        started = time.monotonic()
        run = self._run.widened() if batch.is_widened else self._run
        self.begin(connection)
        with translated():
            outcome = self._rows.write(connection, batch)
            sample = fields.sample(batch, outcome.known, outcome.differing)
            turn()
            failpoints.reach("before_checkpoint")
            if outcome.differing or any(page.versions for page in batch.pages):
                outcome = _resolve_conflicts(connection, self._run, batch, outcome)
            if outcome.refused or run.resume.stops_at_known or any(page.rejected for page in batch.pages):
                outcome = insert_rejected(connection, run, batch, outcome)
            if run.slice.table.unseen is not None:
                outcome = replace(outcome, memory=deletions.meet(connection, run, batch, outcome.known))
            compared = self._fields.compare(connection, batch, sample)
            write_seconds = time.monotonic() - started
            committed = save_checkpoint(
                connection,
                run,
                batch,
                outcome,
                spent(),
                write_seconds,
                self._rejected_max_percent,
                ends_nothing=compared.ends_nothing,
            )
            changes = self._fields.save(connection, batch, compared)
            if changes:
                counts = replace(committed.counts, drifted=len(changes))
                committed = replace(committed, counts=counts, changes=changes)
            failpoints.reach("before_commit")
            connection.commit()
            failpoints.reach("after_commit")
        self._fields.committed(compared)
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
        self.begin(connection)
        with translated(), connection.cursor() as cursor:
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
            changes = fields.read_changes(connection, run.run_id, batch.first_page, batch.last_page)
            connection.rollback()
        assert counts is not None
        inserted, duplicates, rejected = map(int, counts)
        of_pages = sum((page.counts for page in batch.pages), Counts(batches=1))
        return Committed(
            batch_number=batch.number,
            first_page=batch.first_page,
            last_page=batch.last_page,
            counts=replace(of_pages, inserted=inserted, duplicates=duplicates, rejected=rejected, drifted=len(changes)),
            write_seconds=0.0,
            run_status=status,
            last_new_page=batch.last_page if inserted or rejected else None,
            changes=changes,
        )


def _resolve_conflicts(connection: Connection, run: OpenRun, batch: Batch, outcome: Outcome) -> Outcome:
    contested = contested_rows(batch, outcome.differing)
    if not contested:
        return outcome
    resolved = resolve(connection, run, contested, is_staging=outcome.is_staging)
    refused = dict(outcome.refused)
    for page_number, rows in resolved.refused.items():
        refused[page_number] = [*refused.get(page_number, ()), *rows]
    return replace(
        outcome,
        changes=outcome.changed(_changes(resolved)),
        refused=refused,
        conflicts=resolved.conflicts,
        replacing=resolved.replacing,
    )


def _changes(resolved: Resolved) -> Iterator[tuple[int, Counts]]:
    """What was a duplicate before is a row now, or a dead letter."""
    for number, rows in resolved.inserted.items():
        yield number, Counts(inserted=rows, duplicates=-rows)
    for number, refused in resolved.refused.items():
        yield number, Counts(rejected=len(refused), duplicates=-len(refused))


def _run_status(cursor: psycopg2.extensions.cursor) -> str | None:
    row = cursor.fetchone()
    status = row[0] if row else None
    return None if status == "running" else status
