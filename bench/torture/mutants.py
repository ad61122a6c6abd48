"""Broken versions of the pipeline, to prove that the oracle would notice.

``python -m bench.torture.mutants NAME crawl events``, or ``NAME sync``, breaks one thing and then runs the command like
``scrapy``. Each mutant is a mistake that someone could make in good faith. Where two checks of ours guard against one
mistake, the mutant takes both away: what is tried here is the oracle.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from msgspec import structs
from msgspec.structs import replace

from datasync_spider.downloadermiddlewares.sharedbudget import SharedBudget
from datasync_spider.fleet.reporting import Ends
from datasync_spider.observe import exitcodes
from datasync_spider.pacing import retry
from datasync_spider.pacing.window import RateWindow
from datasync_spider.storage import (
    checkpoint,
    completion,
    known,
    leases,
    occurrences,
    rejections,
    runs,
    statements,
    writer,
)
from datasync_spider.storage.batch import ALL_NEW, Committed, Counts
from datasync_spider.storage.completion import Verdict
from datasync_spider.storage.copying import RowWriter
from datasync_spider.storage.ground import Ground
from datasync_spider.sync import outcome
from datasync_spider.sync import storage as sync_storage
from datasync_spider.sync.turns import CommitOrder

_NO_FENCE = " AND fence = %(fence)s AND lease_run_id = %(run_id)s"
_NO_FENCES = "\n    WHERE state.fence = held.fence AND state.lease_run_id = held.run_id"
_NO_GAP = "\n  AND checkpoint_page = %(first_page)s - 1"


def cursor_in_a_transaction_of_its_own() -> None:
    """The position is committed first, the rows after it."""

    def write(self: Any, connection: Any, batch: Any, turn: Any, spent: Any) -> Any:
        turn()
        committed = checkpoint.save_checkpoint(connection, self._run, batch, ALL_NEW, spent(), 0.0)
        connection.commit()
        self._rows.write(connection, batch)
        connection.commit()
        return committed

    _put(writer.Writer, "write", write)


def rows_flushed_after_the_cursor() -> None:
    """A batch's last page waits for the next batch, while the position has moved past it."""
    original = RowWriter.write
    waiting: list[Any] = []

    def write_rows(self: Any, connection: Any, batch: Any) -> Any:
        is_end = batch.ends_pass is not None
        pages = [*waiting, *batch.pages]
        waiting[:] = [] if is_end else [pages.pop()]
        original(self, connection, structs.replace(batch, pages=pages))
        return ALL_NEW

    _put(RowWriter, "write", write_rows)


def fence_not_checked() -> None:
    """A checkpoint goes through whoever holds the lease."""
    _without({"checkpoint": [_NO_FENCE, _NO_GAP], "renew_leases": [_NO_FENCES]})
    _put(checkpoint, "_refusal", lambda *_: None)
    _put(writer.Writer, "was_committed", lambda *_: None)


def batches_commit_in_any_order() -> None:
    """A batch does not wait for its turn; every other one is slow."""
    _without({"checkpoint": [_NO_GAP]})
    _put(checkpoint, "_refusal", lambda *_: None)
    original = RowWriter.write
    _put(CommitOrder, "wait", lambda *_: None)

    def write_rows(self: Any, connection: Any, batch: Any) -> Any:
        if batch.number % 2 == 0:
            time.sleep(1.5)
        return original(self, connection, batch)

    _put(RowWriter, "write", write_rows)


def a_page_never_reaches_copy() -> None:
    """A page's rows are counted, but not sent."""
    original = RowWriter.write

    def write_rows(self: Any, connection: Any, batch: Any) -> Any:
        kept = [page for page in batch.pages if page.page.number != 4]
        original(self, connection, structs.replace(batch, pages=kept))
        return ALL_NEW

    _put(RowWriter, "write", write_rows)


def known_ground_is_any_stored_page() -> None:
    """An incremental pass stops at pages that it has stored itself."""
    original = known.is_known_entirely

    def is_known_entirely(connection: Any, slice_: Any, page: Any, before: Any) -> bool:
        return original(connection, slice_, page, before.replace(year=before.year + 100))

    _put(sync_storage, "is_known_entirely", is_known_entirely)


def rejected_events_are_dropped() -> None:
    """What cannot be stored is counted and forgotten."""
    _put(writer, "insert_rejected", lambda _, __, ___, outcome: replace(outcome, ground=Ground.NEW))


def a_rejected_event_is_kept_each_time_that_it_is_read() -> None:
    """What identifies a dead letter is not its content alone."""
    _put(rejections, "digest", lambda raw: hashlib.sha256(raw + str(time.time_ns()).encode()).digest())


def whatever_ends_is_complete() -> None:
    """A run whose crawl ended is called complete."""
    _put(outcome.Outcome, "ended", lambda *_: ("complete", "last_page", None))


def a_commit_of_unknown_end_is_taken_for_granted() -> None:
    """After a lost connection the batch is assumed to be committed."""
    _without({"checkpoint": [_NO_GAP]})
    _put(checkpoint, "_refusal", lambda *_: None)
    original = writer.Writer.was_committed

    def was_committed(self: Any, connection: Any, batch: Any) -> Any:
        found = original(self, connection, batch)
        if found is not None:
            return found
        rows = sum(len(page.rows) for page in batch.pages)
        counts = Counts(1, len(batch.pages), rows, rows)
        return Committed(batch.number, batch.first_page, batch.last_page, counts, 0.0)

    _put(writer.Writer, "was_committed", was_committed)


def a_short_feed_is_complete() -> None:
    """The API's total is not compared with anything."""

    def pass_verdict(expected_total: int | None, stored: int, _: int, __: int, ends_pass: str, **___: Any) -> Verdict:
        return Verdict("complete", "complete", ends_pass, f"{stored} of {expected_total}")

    _put(completion, "pass_verdict", pass_verdict)


def a_429_is_answered_early() -> None:
    """What the API says about when to come again is taken for a suggestion."""
    _put(retry, "_rate_limit_delay", lambda *_: 0.2)
    _put(RateWindow, "wait_seconds", lambda *_: 0.0)
    _put(RateWindow, "held_seconds", lambda *_: 0.0)
    # The database would say it once more.
    _put(SharedBudget, "governs", property(lambda _: False))


def a_budget_is_each_processs_own() -> None:
    """Every crawl counts its own requests, and knows nothing of what others send with the credential."""
    _put(SharedBudget, "governs", property(lambda _: False))


def one_failing_slice_ends_the_process() -> None:
    """What goes wrong with one slice is everybody's end."""
    original = Ends.synced

    def synced(self: Any, end: Any, *slice_and_seconds: Any) -> None:
        original(self, end, *slice_and_seconds)
        if end.code == exitcodes.FAILED:
            os._exit(exitcodes.FAILED)

    _put(Ends, "synced", synced)


def known_ground_is_any_slices() -> None:
    """Whether a page is known is asked of all slices of the stream's table."""
    _of_any_slice("count_known", "find_known_before")


def a_row_of_any_slice_is_a_stored_one() -> None:
    """Which records are stored already is asked of all slices of the stream's table."""
    _of_any_slice("find_known", "select_stored_keys", "compare_staged")


def dead_letters_of_any_stream_are_counted() -> None:
    """How often a record without an id has been kept is asked of all streams."""
    _without({name: ["slice_id = %(slice_id)s AND "] for name in ("read_seen", "count_kept")})


def _of_any_slice(*names: str) -> None:
    """Takes the slice out of these statements."""
    original = statements.StreamTable.statement

    def broken(self: Any, name: str) -> Any:
        return original(structs.replace(self, slice_id=None) if name in names else self, name)

    _put(statements.StreamTable, "statement", broken)


def _put(owner: object, name: str, broken: object) -> None:
    """Puts this in the place of a function or a method, which must be there."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, broken)


def _without(clauses: dict[str, list[str]]) -> None:
    """Takes these clauses out of the statements of these names; each must be there."""
    original = statements.statement

    def statement(name: str) -> str:
        text = original(name)
        for clause in clauses.get(name, []):
            assert clause in text, f"{name} has changed: {clause!r} is not in it"
            text = text.replace(clause, "")
        return text

    for module in (checkpoint, leases, runs, occurrences):
        _put(module, "statement", statement)


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        cursor_in_a_transaction_of_its_own,
        rows_flushed_after_the_cursor,
        fence_not_checked,
        batches_commit_in_any_order,
        a_page_never_reaches_copy,
        known_ground_is_any_stored_page,
        rejected_events_are_dropped,
        a_rejected_event_is_kept_each_time_that_it_is_read,
        whatever_ends_is_complete,
        a_commit_of_unknown_end_is_taken_for_granted,
        a_short_feed_is_complete,
        a_429_is_answered_early,
        a_budget_is_each_processs_own,
        one_failing_slice_ends_the_process,
        known_ground_is_any_slices,
        a_row_of_any_slice_is_a_stored_one,
        dead_letters_of_any_stream_are_counted,
    )
}


def main() -> None:
    """Breaks what the first argument names, then is ``scrapy``."""
    MUTANTS[sys.argv.pop(1)]()
    from scrapy.cmdline import execute  # noqa: PLC0415 - Scrapy reads its settings when it is imported

    execute()


if __name__ == "__main__":
    main()
