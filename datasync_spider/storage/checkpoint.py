"""The last statements before COMMIT: the ledger, the checkpoint under the fence, the run's counters, the verdict.

Invariant: called inside the writer's transaction, after its turn has come. Raises where the stream's row is not ours
any more (FencedOff), or where pages are missing before the batch (StorageRefused): the position never moves past a page
that is not committed with it or before it.

A backfill's batches go by the same rules and leave the pass alone: another statement counts them, and no verdict on the
pass follows from them.

The stream's row is locked by the checkpoint and not before. What takes long, or waits for bytes of ours as a COPY does,
comes earlier: a server that has lost its client in a COPY does not count as idle, and would keep that row from whoever
comes next.
"""

from __future__ import annotations

import io
from itertools import chain
from typing import Any

import psycopg2.extensions
from msgspec import Struct
from msgspec.structs import replace

from datasync_spider.errors import FencedOff, StorageError, StorageRefused
from datasync_spider.storage import deletions, floor, validators
from datasync_spider.storage.batch import Batch, Committed, PreparedPage, Watermark
from datasync_spider.storage.completion import (
    Counted,
    Verdict,
    backfill_verdict,
    exceeds_share,
    pass_verdict,
    window_verdict,
)
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.countedtwice import count_counted_twice
from datasync_spider.storage.deletions import Memory, Outcome
from datasync_spider.storage.feedorder import PageTimes
from datasync_spider.storage.ground import Ground
from datasync_spider.storage.ledger import PageCounts, ledger_stream
from datasync_spider.storage.quarantine import RejectedRow
from datasync_spider.storage.rejections import Kept
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.sql import statement


class RunTotals(Struct, frozen=True):
    """Counters that are kept outside the writer and saved with each checkpoint."""

    retries: int
    waited_ms: int


def save_checkpoint(
    connection: Connection,
    run: OpenRun,
    batch: Batch,
    inserted: dict[int, int],
    refused: dict[int, list[RejectedRow]],
    kept: Kept,
    conflicts: int,
    write_seconds: float,
    totals: RunTotals,
    rejected_max_percent: float = 100.0,
    replacing: frozenset[int] = frozenset(),
    memory: Memory | None = None,
) -> Committed:
    """Writes everything that makes the batch count; the caller commits.

    ``replacing``: pages that brought a later version of a stored record, which is progress as a new record is.
    ``memory``: of what the pass has met, where the stream's table has marks.
    A run with too large a share of rejected events gets no verdict: its rows count, its pass stays open.
    """
    counts = {p.page.number: _count(p, inserted, refused) for p in batch.pages}
    summed = {name: sum(getattr(c, name) for c in counts.values()) for name in PageCounts.__struct_fields__}
    values = _checkpoint_values(run, batch, summed["inserted"], refused, kept)
    with connection.cursor() as cursor:
        ends_pass = batch.ends_pass
        if ends_pass is not None and _rejects_too_many(cursor, run, summed, rejected_max_percent):
            ends_pass = None
        counted_twice = 0
        if ends_pass is not None and not run.is_backfill:
            # Before the row is locked: a look at many dead letters takes longer than a heartbeat waits for the lock.
            reported = values["expected_total"]
            counted_twice = count_counted_twice(connection, run.slice, kept.newly_rejected, reported)
        refusal = _refusal(cursor, "peek_checkpoint", run, batch)
        if refusal is not None:
            raise refusal
        cursor.copy_expert(statement("copy_pages"), io.BytesIO(ledger_stream(run, batch, counts, write_seconds)))
        above, received, outcome = 0, None, None
        counted = _counted(cursor, run, batch) if ends_pass is not None else None
        if ends_pass is not None and not run.is_backfill:
            above = _count_above(cursor, run, values)
            received = floor.read_received(cursor, run, batch, values["oldest_at"])
            outcome = deletions.end(cursor, run, memory)
        cursor.execute(statement("checkpoint_backfill" if run.is_backfill else "checkpoint"), values)
        row = cursor.fetchone()
        if cursor.rowcount != 1 or row is None:
            raise _refusal(cursor, "read_checkpoint", run, batch) or FencedOff(_taken_over(run))
        stored, rejected, filtered, expected_total = row
        floor.move(cursor, run, batch)
        validators.keep(cursor, run, batch)
        verdict = None
        if ends_pass is not None and run.is_backfill:
            verdict = backfill_verdict()
        elif received is not None and ends_pass is not None:
            verdict = window_verdict(received, ends_pass)
        elif ends_pass is not None:
            verdict = pass_verdict(
                expected_total,
                stored,
                rejected,
                filtered,
                ends_pass,
                counted_twice=counted_twice,
                above=above,
                counted=counted,
                began_at_bookmark=run.resume.bookmark is not None,
            )
        verdict = _with_deletions(cursor, run, memory, outcome, verdict)
        if verdict is not None and verdict.pass_status is not None:
            end = {**run.key, "pass_status": verdict.pass_status, "bookmark": batch.pages[-1].page.bookmark}
            cursor.execute(statement("end_pass"), end)
        body_bytes = sum(p.page.body_bytes for p in batch.pages)
        cursor.execute(
            statement("advance_run"),
            {
                **summed,
                **_verdict_values(verdict, run.note),
                "pages": len(batch.pages),
                "conflicts": conflicts,
                "bytes": body_bytes,
                "retries": totals.retries,
                "waited_ms": totals.waited_ms,
                "expected_total": expected_total,
                "cursor": _position(batch),
                "is_widened": batch.is_widened,
                "run_id": run.run_id,
            },
        )
    return Committed(
        batch_number=batch.number,
        first_page=batch.first_page,
        last_page=batch.last_page,
        pages=len(batch.pages),
        body_bytes=body_bytes,
        write_seconds=write_seconds,
        total_ingested=stored,
        expected_total=expected_total,
        run_status=verdict.run_status if verdict else None,
        detail=verdict.detail if verdict else None,
        conflicts=conflicts,
        last_new_page=_last_new_page(batch, inserted, kept.new_pages | replacing),
        accounted=stored + rejected + filtered,
        **summed,
    )


def _with_deletions(
    cursor: psycopg2.extensions.cursor,
    run: OpenRun,
    memory: Memory | None,
    outcome: Outcome | None,
    verdict: Verdict | None,
) -> Verdict | None:
    """The verdict as it stands with what is marked as deleted: nothing where the pass is not complete."""
    if memory is None:
        return verdict
    marked = 0
    if outcome is not None and verdict is not None:
        if verdict.pass_status == "complete":
            marked, verdict = outcome.marked, replace(verdict, detail=f"{verdict.detail}; {outcome.words}")
        elif outcome.marked:
            deletions.take_back(cursor, run)
    deletions.save(cursor, run, memory, is_over=outcome is not None, marked=marked)
    return verdict


def _count_above(cursor: psycopg2.extensions.cursor, run: OpenRun, values: dict[str, Any]) -> int:
    """Rows that backfills have stored since the pass began, and that are newer than what its total counts.

    Before the row is locked, as above: it takes a look at the whole table, in the rare case that there may be any.
    """
    cursor.execute(statement("read_pass_head"), values)
    row = cursor.fetchone()
    if row is None:
        return 0
    cursor.execute(run.slice.table.statement("count_above_pass"), {"backfilled_at": row[0], "newest_at": row[1]})
    counted = cursor.fetchone()
    assert counted is not None
    return int(counted[0])


def _counted(cursor: psycopg2.extensions.cursor, run: OpenRun, batch: Batch) -> Counted | None:
    """What a whole pass by numbers has brought, this batch included: its pages are in the ledger by now."""
    last = batch.pages[-1].page
    if not run.is_counted or run.is_backfill or last.ends_pass != "last_page":
        return None
    of_chain = {"slice_id": run.slice.slice_id, "pass_number": run.resume.pass_number, "walk": last.chain}
    cursor.execute(statement("count_received"), of_chain)
    row = cursor.fetchone()
    assert row is not None
    return Counted(int(row[0]), last.total)


def _last_new_page(batch: Batch, inserted: dict[int, int], others: frozenset[int]) -> int | None:
    """``others``: pages that were new by something else than a row."""
    numbers = (prepared.page.number for prepared in reversed(batch.pages))
    return next((number for number in numbers if inserted.get(number) or number in others), None)


def _refusal(cursor: psycopg2.extensions.cursor, look: str, run: OpenRun, batch: Batch) -> StorageError | None:
    """Why the checkpoint may touch no row, by a statement that reads it."""
    cursor.execute(statement(look), run.key)
    row = cursor.fetchone()
    if row is None or row[:2] != (run.fence, run.run_id):
        return FencedOff(_taken_over(run))
    if row[2] == batch.first_page - 1:
        return None
    return StorageRefused(f"the run's last committed page is {row[2]}, and the batch begins with {batch.first_page}")


def _taken_over(run: OpenRun) -> str:
    return f"stream {run.slice} has been taken over by another run"


def _rejects_too_many(
    cursor: psycopg2.extensions.cursor, run: OpenRun, batch_counts: dict[str, int], max_percent: float
) -> bool:
    cursor.execute(statement("read_run_share"), {"run_id": run.run_id})
    row = cursor.fetchone()
    assert row is not None
    events, rejected = row[0] + batch_counts["events"], row[1] + batch_counts["rejected"]
    return exceeds_share(events, rejected, max_percent)


def _count(prepared: PreparedPage, inserted: dict[int, int], refused: dict[int, list[RejectedRow]]) -> PageCounts:
    number = prepared.page.number
    new = inserted.get(number, 0)
    bad = len(refused.get(number, []))
    return PageCounts(
        events=prepared.page.received_events,
        inserted=new,
        duplicates=prepared.duplicates + len(prepared.rows) - new - bad,
        rejected=len(prepared.rejected) + bad,
        filtered=prepared.filtered,
    )


def _position(batch: Batch) -> str | None:
    """Where the next run goes on. The end of a pass keeps its last cursor: a NULL would read as 'never started'."""
    last = batch.pages[-1].page
    if last.position is not None:
        return last.position
    return last.cursor if last.ends_pass is not None else last.next_cursor


def _watermarks(prepared: PreparedPage, refused: list[RejectedRow]) -> tuple[Watermark | None, Watermark | None]:
    """The newest and the oldest event of the page that PostgreSQL took."""
    if not refused:
        return prepared.newest, prepared.oldest
    bad = {(row.event.event_id, row.event.payload) for row in refused}
    taken = [e for e in chain(prepared.rows, prepared.versions) if (e.event_id, e.payload) not in bad]
    return PageTimes.of([e.event_id for e in taken], [e.occurred_at_us for e in taken]).watermarks()


def _checkpoint_values(
    run: OpenRun, batch: Batch, inserted: int, refused: dict[int, list[RejectedRow]], kept: Kept
) -> dict[str, Any]:
    marks = [_watermarks(p, refused.get(p.page.number, [])) for p in batch.pages]
    newest = max((mark for mark, _ in marks if mark), default=None)
    oldest = min((mark for _, mark in marks if mark), default=None)
    chain_number = max(p.page.chain for p in batch.pages)
    return {
        **run.key,
        "lease_ttl_ms": run.lease_ttl_ms,
        "cursor": _position(batch),
        "walk": chain_number,
        "is_widened": batch.is_widened,
        "first_page": batch.first_page,
        "last_page": batch.last_page,
        "inserted": inserted,
        "newly_rejected": kept.newly_rejected,
        "is_named": kept.ground >= Ground.NEW,
        "is_known": kept.ground >= Ground.KNOWN,
        "filtered": sum(p.filtered for p in batch.pages if p.page.chain == chain_number),
        # Of a pass that does not ask for everything it says nothing of the slice.
        "expected_total": batch.expected_total if run.resume.pass_since_us is None else None,
        "in_order": run.is_newest_first and all(p.in_order for p in batch.pages),
        "newest_at": newest.occurred_at if newest else None,
        "newest_id": newest.event_id if newest else None,
        "oldest_at": oldest.occurred_at if oldest else None,
        "oldest_id": oldest.event_id if oldest else None,
    }


def _verdict_values(verdict: Verdict | None, note: str) -> dict[str, Any]:
    if verdict is None:
        return {"status": "running", "reason": None, "detail": None}
    detail = f"{verdict.detail}; {note}" if note else verdict.detail
    return {"status": verdict.run_status, "reason": verdict.reason, "detail": detail}
