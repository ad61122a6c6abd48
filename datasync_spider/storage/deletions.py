"""What a complete full pass has not met is marked as deleted, of a stream that declares it (docs/decisions/0039).

What a pass has met is known by two things: a row that was stored after the pass began is met, since the pass stored it;
and the id of a record that was stored before, or that became a dead letter, is in ``ingestion_seen``. So a first sync
writes down nothing, and no later one a row that it has not met as it is.

States of a pass (``pass_seen``), and what a crash in each leaves:

all         whatever was met is remembered, in the transaction of the page that it was on: a page is either committed
            and remembered, or read again
unreadable  a dead letter had no id, so that it is not known which record it was: nothing will be marked
filtered    an item pipeline has left out a record, whose id is kept nowhere: the same
NULL        nothing is remembered: the pass does not read all, or a run in it was of a stream that did not declare it
ended       marks, verdict and the end of what was remembered are one transaction

Invariant: a mark is made only by the transaction that calls a full pass complete, and only on a record that has been
met neither by the pass nor by anything else since it began. A record that is met has none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from datasync_spider import failpoints
from datasync_spider.storage.batch import Batch
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.pagerecords import RejectedRecord
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

_ALL: Final = "all"
_WHY_NOT: Final = {
    "unreadable": "the pass has met records whose id cannot be read, and no one knows which they are",
    "filtered": "an item pipeline has left out records of the pass, and no one knows which they are",
}


class Memory(Struct, frozen=True):
    """What the open pass remembers, its batch included. ``seen``: the state, as above. ``total``: the greatest one.

    ``marked``: so many marks the batch's transaction has made, less those that it has taken off.
    """

    seen: str | None
    total: int | None
    started_at: datetime | None
    marked: int = 0


class Marked(Struct, frozen=True):
    """What became of a pass's end. ``marked``: rows. ``words``: the same for the run's detail."""

    marked: int
    words: str


def meet(connection: Connection, run: OpenRun, batch: Batch, known: Collection[str]) -> Memory | None:
    """Remembers what the batch has met, and takes off the marks of it. For a table with marks.

    ``known``: ids of its rows that it has not stored, be it that they were there or that PostgreSQL has refused them.
    After its rows and its turn, and before its checkpoint.
    """
    table = run.slice.table
    with connection.cursor() as cursor:
        cursor.execute(statement("read_memory"), run.key)
        row = cursor.fetchone()
        if row is None:
            return None
        seen, total, started_at, marks, pass_kind, is_early = row
        if run.deletions is not None and batch.is_widened and pass_kind != "full":
            # From the head on, and with this batch.
            seen, total = _ALL, None
        stored = {event_id for page in batch.pages for event_id in page.rows.event_ids} if is_early else known
        taken_off = 0
        if marks and stored:
            cursor.execute(statement("look_up_by_key"))
            ids = {**run.key, "event_ids": _as_json(stored)}
            if table.keeps_history:
                cursor.execute(table.statement("keep_marked"), ids)
            cursor.execute(table.statement("reopen_met" if table.keeps_history else "unmark_met"), ids)
            taken_off = cursor.rowcount
        if seen is not None:
            met = {*stored, *_named_dead_letters(batch)}
            if met:
                cursor.execute(statement("insert_seen"), {**run.key, "event_ids": _as_json(met)})
        if seen == _ALL and not run.is_backfill:
            seen = _fault(batch) or _ALL
    totals = [page.page.expected_total for page in batch.pages if page.page.expected_total is not None]
    if totals and not run.is_backfill:
        total = max(totals) if total is None else max(total, *totals)
    return Memory(seen, total, started_at, -taken_off)


def end(cursor: Any, run: OpenRun, memory: Memory) -> Marked | None:
    """Marks what the pass has not met, as if it were complete; None where it has nothing to say of that.

    Before the checkpoint, as all that may look at the whole table: the slice's row is locked by that.
    """
    if memory.seen is None or run.deletions is None:
        return None
    cursor.execute(statement("look_at_all"))
    why_not = _WHY_NOT.get(memory.seen) or _why_not_by_total(cursor, run, memory)
    marked = 0
    if why_not is None:
        cursor.execute(run.slice.table.statement("mark_unseen"), {**run.key, "started_at": memory.started_at})
        marked = cursor.rowcount
        failpoints.reach("deletions_marked")
    cursor.execute(statement("empty_seen"), run.key)
    if why_not is not None:
        return Marked(0, f"nothing is marked as deleted, since {why_not}")
    return Marked(marked, f"{marked:,} marked as deleted, which this pass has not met")


def take_back(cursor: Any, run: OpenRun) -> None:
    """The pass is not complete after all."""
    cursor.execute(run.slice.table.statement("take_marks_back"))


def save(cursor: Any, run: OpenRun, memory: Memory, *, is_over: bool, marked: int) -> None:
    """``marked``: by so many marks there are more. After the checkpoint, which has seen that the slice is ours."""
    kept = replace(memory, seen=None, total=None) if is_over else memory
    saved = {"seen": kept.seen, "total": kept.total, "marked": marked}
    cursor.execute(statement("save_memory"), {**run.key, **saved})


def _why_not_by_total(cursor: Any, run: OpenRun, memory: Memory) -> str | None:
    """Why the API's own total does not bear out that the pass has met all there is."""
    assert run.deletions is not None
    if memory.total is None:
        return "the API gave no total, and its pages shift" if run.deletions.needs_total else None
    cursor.execute(statement("was_written_beside"), {**run.key, "pass_number": run.resume.pass_number})
    if cursor.fetchone()[0]:
        return "a backfill or a replay came into the pass, so that what it has met cannot be counted"
    cursor.execute(run.slice.table.statement("count_met"), {**run.key, "started_at": memory.started_at})
    (met,) = cursor.fetchone()
    if met < memory.total:
        return f"the pass has met {met:,} records, and the API counted {memory.total:,}"
    return None


def _fault(batch: Batch) -> str | None:
    """What makes that nothing follows from what the pass has not met."""
    if any(not isinstance(record, str) and record.event_id is None for record in _records(batch)):
        return "unreadable"
    return "filtered" if any(page.counts.filtered for page in batch.pages) else None


def _named_dead_letters(batch: Batch) -> Iterator[str]:
    for record in _records(batch):
        if not isinstance(record, str) and record.event_id is not None:
            yield record.event_id


def _records(batch: Batch) -> Iterator[str | RejectedRecord]:
    return chain.from_iterable(page.records.records for page in batch.pages if page.records is not None)


def _as_json(event_ids: Collection[str]) -> str:
    # In order, so that the server finds neighbours on one page of its index.
    return json.dumps(sorted(event_ids), ensure_ascii=False)
