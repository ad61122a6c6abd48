"""The last statements before COMMIT: the ledger, the checkpoint under the fence, the run's counters, the verdict.

Invariant: called inside the writer's transaction, after its turn has come. Raises where the stream's row is not ours
any more (FencedOff), or where pages are missing before the batch (StorageRefused): the position never moves past a page
that is not committed with it or before it.

A backfill's batches go by the same rules and leave the pass alone: another statement counts them, and no verdict on the
pass follows from them.

The stream's row is locked by the checkpoint and not before. What takes long, or waits for bytes of ours as a COPY does,
comes earlier: a server that has lost its client in a COPY does not count as idle, and would keep that row from the
next run.

The ledger's rows of a batch go by COPY, in its binary format, because a batch of small pages has hundreds of them: as
parameters of an INSERT they had been a fifteenth of all that a request of 100 events costs
(docs/understand/performance.md). Their columns stand in the order of the statement ``copy_pages``, in the types of
``ingestion_pages``.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import psycopg2.extensions
from msgspec.structs import asdict, replace

from datasync_spider.errors import FencedOff, StorageError, StorageRefused
from datasync_spider.storage import deletions, floor, validators
from datasync_spider.storage.batch import Batch, Committed, Counts, Outcome, PreparedPage, Watermark
from datasync_spider.storage.completion import PassEnd, Verdict
from datasync_spider.storage.connection import Connection, RowCursor, instant_of
from datasync_spider.storage.deletions import Marked
from datasync_spider.storage.feedorder import PageTimes
from datasync_spider.storage.ground import Ground
from datasync_spider.storage.quarantine import RejectedRow
from datasync_spider.storage.rows import HEADER, POSTGRES_EPOCH_US, TRAILER
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_COLUMNS = struct.pack("!h", 23)
_NULL = struct.pack("!i", -1)
_LENGTH = struct.Struct("!i")
_INTEGER = struct.Struct("!ii")
_BIGINT = struct.Struct("!iq")
_MICROSECONDS = 1_000_000


def save_checkpoint(
    connection: Connection,
    run: OpenRun,
    batch: Batch,
    outcome: Outcome,
    spent: Counts,
    write_seconds: float,
    rejected_max_percent: float = 100.0,
    *,
    ends_nothing: bool = False,
) -> Committed:
    """Writes everything that makes the batch count; the caller commits.

    ``spent``: what the run has cost so far. A run with too large a share of rejected events gets no verdict: its rows
    count, its pass stays open. Nor does one that fails for another reason (``ends_nothing``).
    """
    counted = [outcome.counts_of(page) for page in batch.pages]
    counts = sum(counted, Counts(batches=1, conflicts=outcome.conflicts))
    values = _checkpoint_values(run, batch, outcome, counts)
    ends_nothing = ends_nothing or batch.ends_pass is None
    end, marked, verdict = None, None, None
    with connection.cursor() as cursor, connection.cursor(cursor_factory=RowCursor) as looking:
        looking.execute(statement("peek_checkpoint"), run.key)
        before = looking.fetchone()
        refusal = _refusal(before, run, batch)
        if refusal is not None or before is None:
            raise refusal or FencedOff(_taken_over(run))
        if not ends_nothing:
            end = PassEnd.of(connection, run, batch, outcome, counts, before, rejected_max_percent)
        ledger = (_ledger_row(run, batch, *row, write_seconds) for row in zip(batch.pages, counted, strict=True))
        cursor.copy_expert(statement("copy_pages"), io.BytesIO(b"".join((HEADER, *ledger, TRAILER))))
        if end is not None:
            end.look(cursor, run, batch, values, before)
            if outcome.memory is not None and not run.is_backfill:
                marked = deletions.end(cursor, run, outcome.memory)
        cursor.execute(statement("checkpoint_backfill" if run.is_backfill else "checkpoint"), values)
        row = cursor.fetchone()
        if cursor.rowcount != 1 or row is None:
            looking.execute(statement("read_checkpoint"), run.key)
            raise _refusal(looking.fetchone(), run, batch) or FencedOff(_taken_over(run))
        stored, rejected, filtered, total = row
        if run.since is not None and not run.is_backfill:
            floor.move(cursor, run, batch)
        if not run.is_backfill and any(page.page.validator is not None for page in batch.pages):
            validators.keep(cursor, run, batch)
        if end is not None:
            verdict = end.verdict(run, stored, rejected, filtered, total)
        if outcome.memory is not None:
            deleted, verdict = _save_deletions(cursor, run, outcome, marked, verdict)
            counts += Counts(deleted=deleted)
        _advance(cursor, run, batch, counts, spent, total, verdict)
    return Committed(
        batch_number=batch.number,
        first_page=batch.first_page,
        last_page=batch.last_page,
        counts=counts,
        write_seconds=write_seconds,
        total_ingested=stored,
        expected_total=total,
        run_status=verdict.run_status if verdict else None,
        detail=verdict.detail if verdict else None,
        last_new_page=_last_new_page(batch, counted, outcome),
        accounted=stored + rejected + filtered,
    )


def _advance(
    cursor: psycopg2.extensions.cursor,
    run: OpenRun,
    batch: Batch,
    counts: Counts,
    spent: Counts,
    total: int | None,
    verdict: Verdict | None,
) -> None:
    """The pass and the run by what the batch has brought."""
    values = {
        **run.key,
        **asdict(counts),
        **_verdict_values(verdict, run.note),
        "bytes": counts.body_bytes,
        "retries": spent.retries,
        "waited_ms": spent.waited_ms,
        "expected_total": total,
        "cursor": _position(batch),
        "is_widened": batch.is_widened,
    }
    if verdict is None or verdict.pass_status is None:
        cursor.execute(statement("advance_run"), values)
        return
    ended = {"pass_status": verdict.pass_status, "bookmark": batch.pages[-1].page.bookmark}
    # One message, in the order of all who lock both rows.
    cursor.execute(";\n".join(map(statement, ("end_pass", "advance_run"))), {**values, **ended})


def _save_deletions(
    cursor: psycopg2.extensions.cursor, run: OpenRun, outcome: Outcome, end: Marked | None, verdict: Verdict | None
) -> tuple[int, Verdict | None]:
    """How many marks there are more, and the verdict as it stands with them: none where the pass is not complete."""
    memory = outcome.memory
    assert memory is not None
    deleted = memory.marked
    if end is not None and verdict is not None:
        if verdict.pass_status == "complete":
            deleted, verdict = deleted + end.marked, replace(verdict, detail=f"{verdict.detail}; {end.words}")
        elif end.marked:
            deletions.take_back(cursor, run)
    deletions.save(cursor, run, memory, is_over=end is not None, marked=deleted)
    return deleted, verdict


def _last_new_page(batch: Batch, counted: list[Counts], outcome: Outcome) -> int | None:
    """The last page that was new, be it by a row, by a dead letter, or by a later version of what was stored."""
    others = outcome.new_dead_letters | outcome.replacing
    last_first = reversed(list(zip(batch.pages, counted, strict=True)))
    numbers = (page.page.number for page, counts in last_first if counts.inserted or page.page.number in others)
    return next(numbers, None)


def _refusal(row: Mapping[str, Any] | None, run: OpenRun, batch: Batch) -> StorageError | None:
    """Why the checkpoint may touch no row, by what a statement that reads it has given."""
    if row is None or (row["fence"], row["lease_run_id"]) != (run.fence, run.run_id):
        return FencedOff(_taken_over(run))
    if row["checkpoint_page"] == batch.first_page - 1:
        return None
    last = row["checkpoint_page"]
    return StorageRefused(f"the run's last committed page is {last}, and the batch begins with {batch.first_page}")


def _taken_over(run: OpenRun) -> str:
    return f"stream {run.slice} has been taken over by another run"


def _position(batch: Batch) -> str | None:
    """Where the next run goes on. The end of a pass keeps its last cursor: a NULL would read as 'never started'."""
    last = batch.pages[-1].page
    if last.position is not None:
        return last.position
    return last.cursor if last.ends_pass is not None else last.next_cursor


def _watermarks(prepared: PreparedPage, refused: Sequence[RejectedRow]) -> tuple[Watermark | None, Watermark | None]:
    """The newest and the oldest event of the page that PostgreSQL took."""
    if not refused:
        return prepared.newest, prepared.oldest
    bad = {(row.event.event_id, row.event.payload) for row in refused}
    taken = [e for e in chain(prepared.rows, prepared.versions) if (e.event_id, e.payload) not in bad]
    return PageTimes.of([e.event_id for e in taken], [e.occurred_at_us for e in taken]).watermarks()


def _ground(batch: Batch, outcome: Outcome) -> Ground:
    """Where the batch has led its last chain. Where its pages have no dead letters, each of their records has an id."""
    if outcome.ground is not None:
        return outcome.ground
    last_chain = batch.pages[-1].page.chain
    of_chain = (page for page in batch.pages if page.page.chain == last_chain)
    return Ground.NEW if any(page.rows or page.counts.duplicates for page in of_chain) else Ground.HEAD


def _checkpoint_values(run: OpenRun, batch: Batch, outcome: Outcome, counts: Counts) -> dict[str, Any]:
    marks = [_watermarks(page, outcome.refused.get(page.page.number, ())) for page in batch.pages]
    newest = max((mark for mark, _ in marks if mark), default=None)
    oldest = min((mark for _, mark in marks if mark), default=None)
    chain_number = max(page.page.chain for page in batch.pages)
    ground = _ground(batch, outcome)
    return {
        **run.key,
        "lease_ttl_ms": run.lease_ttl_ms,
        "cursor": _position(batch),
        "walk": chain_number,
        "is_widened": batch.is_widened,
        "first_page": batch.first_page,
        "last_page": batch.last_page,
        "inserted": counts.inserted,
        "newly_rejected": outcome.newly_rejected,
        "is_named": ground >= Ground.NEW,
        "is_known": ground >= Ground.KNOWN,
        "filtered": sum(page.counts.filtered for page in batch.pages if page.page.chain == chain_number),
        "expected_total": run.total_of_slice(batch.expected_total),
        "in_order": run.is_newest_first and all(page.in_order for page in batch.pages),
        "newest_at": instant_of(newest[0]) if newest else None,
        "newest_id": newest[1] if newest else None,
        "oldest_at": instant_of(oldest[0]) if oldest else None,
        "oldest_id": oldest[1] if oldest else None,
    }


def _verdict_values(verdict: Verdict | None, note: str) -> dict[str, Any]:
    if verdict is None:
        return {"status": "running", "reason": None, "detail": None}
    detail = f"{verdict.detail}; {note}" if note else verdict.detail
    return {"status": verdict.run_status, "reason": verdict.reason, "detail": detail}


def _ledger_row(run: OpenRun, batch: Batch, prepared: PreparedPage, counts: Counts, write_seconds: float) -> bytes:
    page = prepared.page
    return b"".join(
        (
            _COLUMNS,
            _bigint(run.run_id),
            _bigint(page.number),
            _bigint(run.slice.slice_id),
            _text(run.slice.stream),
            _bigint(run.resume.pass_number),
            _integer(page.chain),
            _bigint(batch.number),
            _text(page.cursor),
            _text(page.next_cursor),
            _text(page.request_id),
            _integer(counts.events),
            _integer(counts.inserted),
            _integer(counts.duplicates),
            _integer(counts.rejected),
            _integer(counts.filtered),
            _bigint(page.body_bytes),
            _integer(page.attempts),
            _bigint(page.waited_ms),
            _integer(page.fetch_ms),
            _integer(round(write_seconds * 1_000)),
            _time(prepared.newest),
            _time(prepared.oldest),
            _bigint(round(page.fetched_at * _MICROSECONDS) - POSTGRES_EPOCH_US),
        )
    )


def _integer(value: int) -> bytes:
    return _INTEGER.pack(4, value)


def _bigint(value: int) -> bytes:
    return _BIGINT.pack(8, value)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    text = value.encode()
    return _LENGTH.pack(len(text)) + text


def _time(watermark: Watermark | None) -> bytes:
    return _NULL if watermark is None else _bigint(watermark[0] - POSTGRES_EPOCH_US)
