"""Broken versions of the pipeline, to prove that the oracle would notice.

``python -m bench.torture.mutants NAME crawl events`` breaks one thing and then runs the command like ``scrapy``. Each
mutant is a mistake that somebody could make in good faith; a torture run with it must end with a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from datasync_spider.pipelines import ending
from datasync_spider.storage import checkpoint, known, rejections, sql, writer
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.completion import Verdict


def cursor_in_a_transaction_of_its_own() -> None:
    """The position is committed first, the rows after it."""
    original = writer.Writer.write

    def write(self: Any, connection: Any, batch: Any, turn: Any, totals: Any) -> Any:
        turn()
        committed = checkpoint.save_checkpoint(
            connection, self._run, batch, {p.page.number: len(p.rows) for p in batch.pages}, {}, 0, 0, 0.0, totals()
        )
        connection.commit()
        self._write_rows(connection, batch)
        connection.commit()
        return committed

    assert original is not write
    writer.Writer.write = write  # type: ignore[method-assign]


def fence_not_checked() -> None:
    """A checkpoint goes through whoever holds the lease."""
    original = sql.statement

    def statement(name: str) -> str:
        text = original(name)
        return (
            text.replace(" AND fence = %(fence)s AND lease_run_id = %(run_id)s", "") if name == "checkpoint" else text
        )

    checkpoint.statement = statement  # type: ignore[attr-defined]


def known_ground_is_any_stored_page() -> None:
    """An incremental pass stops at pages that it has stored itself."""
    original = known.is_known_entirely

    def is_known_entirely(connection: Any, stream: str, page: Any, before: Any) -> bool:
        return original(connection, stream, page, before.replace(year=before.year + 100))

    known.is_known_entirely = is_known_entirely
    from datasync_spider.spiders import events  # noqa: PLC0415 - after the patch is known to be wanted

    events.is_known_entirely = is_known_entirely  # type: ignore[attr-defined]


def rejected_events_are_dropped() -> None:
    """What cannot be stored is counted and forgotten."""
    writer.insert_rejected = lambda *_: 0  # type: ignore[attr-defined]
    assert rejections.insert_rejected is not writer.insert_rejected  # type: ignore[attr-defined]


def whatever_ends_is_complete() -> None:
    """A run whose crawl ended is called complete."""
    setattr(ending.Ending, "outcome", lambda *_: ("complete", "last_page", None))  # noqa: B010 - a method is replaced


def a_commit_in_doubt_is_taken_for_granted() -> None:
    """After a lost connection the batch is assumed to be committed."""
    original = writer.Writer.was_committed

    def was_committed(self: Any, connection: Any, batch: Any) -> Any:
        found = original(self, connection, batch)
        if found is not None:
            return found
        rows = sum(len(page.rows) for page in batch.pages)
        return Committed(batch.number, batch.first_page, batch.last_page, len(batch.pages), rows, rows, 0, 0, 0, 0, 0.0)

    writer.Writer.was_committed = was_committed  # type: ignore[method-assign]


def a_short_feed_is_complete() -> None:
    """The API's total is not compared with anything."""

    def judge(expected_total: int | None, stored: int, rejected: int, filtered: int, ends_pass: str) -> Verdict:
        return Verdict("complete", "complete", ends_pass, f"{stored} of {expected_total}, {rejected}, {filtered}")

    checkpoint.judge = judge  # type: ignore[attr-defined]


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        cursor_in_a_transaction_of_its_own,
        fence_not_checked,
        known_ground_is_any_stored_page,
        rejected_events_are_dropped,
        whatever_ends_is_complete,
        a_commit_in_doubt_is_taken_for_granted,
        a_short_feed_is_complete,
    )
}


def main() -> None:
    """Breaks what the first argument names, then is ``scrapy``."""
    MUTANTS[sys.argv.pop(1)]()
    from scrapy.cmdline import execute  # noqa: PLC0415 - Scrapy reads its settings when it is imported

    execute()


if __name__ == "__main__":
    main()
