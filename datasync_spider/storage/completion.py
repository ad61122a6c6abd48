"""Whether a pass that has reached its end may be called complete.

Invariant: never complete on less than the API claimed, each event counted once. More is fine: feeds are known to hold a
few events more than their total says. What an item pipeline filters counts as often as it was filtered, for its ids
are not kept (docs/understand/delivery.md). Where the API gives no total, the end of the feed is all the proof there
is, and the detail says so. What a pass asks for that asks from a time is counted for itself: what is stored besides
makes up for nothing.

What a verdict is made of is read here, too, in the transaction that commits the end of the pass (:class:`PassEnd`), and
judged by functions that are pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from datasync_spider.storage.batch import Batch, Counts, Outcome
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.countedtwice import count_counted_twice
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement

PAGES_MOVED: Final = "pages_moved"
"""The reason of a pass whose pages did not stand still."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(Struct, frozen=True):
    """``run_status`` and ``pass_status`` as the tables spell them; None: the run is in no pass."""

    run_status: str
    pass_status: str | None
    reason: str
    detail: str


class Counted(Struct, frozen=True):
    """A whole pass over pages that are asked for by number: a record that goes moves the next one before where we are.

    ``received``: records on its pages, each time that they came. ``closing_total``: what the API counts at its last
    page, None where it does not say.
    """

    received: int
    closing_total: int | None

    def doubt(self, expected_total: int) -> str | None:
        """Why records may have been missed; None where each place of the feed was seen while it stood still."""
        if self.closing_total is not None and self.closing_total != expected_total:
            return f"the API counted {expected_total:,} at the first page and {self.closing_total:,} at the last"
        if self.received != expected_total:
            return f"the API counts {expected_total:,}, and {self.received:,} came"
        return None


class Received(Struct, frozen=True):
    """What a pass has received that asked for what is not older than ``since_us``, and the API's ``total`` of that.

    ``different``: so many of its records are certainly not one and the same, dead letters and filtered ones included.
    """

    total: int
    different: int
    rejected: int
    filtered: int
    since_us: int


_SHARE_COUNTS_FROM_EVENTS = 1000


def exceeds_share(events: int, rejected: int, max_percent: float) -> bool:
    """Whether so many of a run's events were rejected that the feed is not what we think; never on its first few."""
    return events >= _SHARE_COUNTS_FROM_EVENTS and rejected * 100 > events * max_percent


def pass_verdict(
    expected_total: int | None,
    stored: int,
    rejected: int,
    filtered: int,
    ends_pass: str,
    *,
    counted_twice: int,
    above: int = 0,
    counted: Counted | None = None,
    began_at_bookmark: bool = False,
) -> Verdict:
    """The verdict on a pass whose last page is among the committed, counting all that the slice ever stored.

    ``counted_twice`` of the rejected are about events that are accounted for without them. ``above`` of the stored are
    newer than the page that reported the total: a backfill has fetched them, so they make up for nothing that is
    missing. ``counted``: of a whole pass by numbers of records or pages.
    ``began_at_bookmark``: with what a complete pass had ended with, so that no total of the API counts what it was.
    """
    accounted = stored - above + max(0, rejected - counted_twice) + filtered
    twice = f" ({counted_twice:,} of them for events that are counted already)" if counted_twice else ""
    later = f" ({above:,} of them by a backfill, newer than this total)" if above else ""
    numbers = f"{stored:,} stored{later}, {rejected:,} rejected{twice}, {filtered:,} filtered"
    if began_at_bookmark:
        proof = "all that follows the place where the complete pass before had ended"
        return Verdict("complete", "complete", ends_pass, f"{numbers}; this pass has read {proof}")
    if expected_total is None:
        unproven = "" if counted is None else ", and what came or went meanwhile moves its pages: none of it is proven"
        detail = f"{numbers}; the API gives no total to compare with{unproven}"
        return Verdict("complete", "complete", ends_pass, detail)
    if accounted < expected_total:
        missing = expected_total - accounted
        detail = f"{numbers}, but the API counts {expected_total:,}: {missing:,} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    if counted is not None and (doubt := counted.doubt(expected_total)) is not None:
        detail = (
            f"{numbers}; records came or went while pages were asked for by number, and some may be missed: {doubt}"
        )
        return Verdict("incomplete", "short", PAGES_MOVED, detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {expected_total:,}")


def window_verdict(received: Received, ends_pass: str) -> Verdict:
    """The verdict on a pass that asked for a part of the stream: what it received beside the API's total of that."""
    since = f"{_EPOCH + timedelta(microseconds=received.since_us):%Y-%m-%d %H:%M:%S} UTC"
    numbers = f"{received.different:,} received since {since}, {received.rejected:,} of them rejected"
    numbers += f" and {received.filtered:,} filtered" if received.filtered else ""
    if received.different < received.total:
        missing = received.total - received.different
        detail = f"{numbers}, but the API counts {received.total:,} since then: {missing:,} are missing"
        return Verdict("incomplete", "short", "short_read", detail)
    return Verdict("complete", "complete", ends_pass, f"{numbers}; the API counts {received.total:,} since then")


def unmodified_verdict() -> Verdict:
    """The verdict on a pass of which the API says that there is nothing new."""
    detail = "the API says that the first page is as the last complete pass has found it"
    return Verdict("complete", "complete", "not_modified", detail)


def backfill_verdict() -> Verdict:
    """The verdict on a backfill whose last page is among the committed: what the API gave of its window is stored."""
    detail = (
        "the API's own chain of pages for this window has ended, and all of it is committed; no total says whether it"
        " was all of the window, and position and pass are as they were"
    )
    return Verdict("complete", None, "backfilled", detail)


class PassEnd(Struct):
    """What the verdict on a pass is made of, by the transaction that commits its last page.

    All of it is read before the slice's row is locked: a look at many dead letters, or at the whole table, takes longer
    than a heartbeat waits for that lock. ``counted_twice``, ``above``, ``counted``: as :func:`pass_verdict` takes them;
    ``received``: of a pass that does not ask for everything.
    """

    ends_pass: str
    counted_twice: int
    above: int = 0
    counted: Counted | None = None
    received: Received | None = None

    @classmethod
    def of(
        cls,
        connection: Connection,
        run: OpenRun,
        batch: Batch,
        outcome: Outcome,
        counts: Counts,
        before: Mapping[str, Any],
        max_percent: float,
    ) -> PassEnd | None:
        """Of a batch that ends a pass; None where too many of the run's records were rejected for a verdict.

        ``before``: what ``peek_checkpoint`` says of slice and run.
        """
        assert batch.ends_pass is not None
        if exceeds_share(before["events"] + counts.events, before["rejected"] + counts.rejected, max_percent):
            return None
        if run.is_backfill:
            return cls(batch.ends_pass, 0)
        is_total_known = (
            run.total_of_slice(batch.expected_total) is not None or before["pass_expected_total"] is not None
        )
        # What is counted twice matters beside a total alone.
        if not is_total_known or before["total_rejected"] + outcome.newly_rejected == 0:
            return cls(batch.ends_pass, 0)
        return cls(batch.ends_pass, count_counted_twice(connection, run.slice))

    def look(
        self, cursor: Any, run: OpenRun, batch: Batch, values: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        """At what the pass has brought, this batch included: its rows are stored, and its pages in the ledger.

        ``values``: of its checkpoint.
        """
        if not run.is_backfill:
            self.counted = _counted(cursor, run, batch)
            self.above = _count_above(cursor, run, values) if before["was_backfilled"] else 0
            self.received = _read_received(cursor, run, batch, values["oldest_at"])

    def verdict(self, run: OpenRun, stored: int, rejected: int, filtered: int, expected_total: int | None) -> Verdict:
        """By the slice's own totals, as they are after the checkpoint."""
        if run.is_backfill:
            return backfill_verdict()
        if self.received is not None:
            return window_verdict(self.received, self.ends_pass)
        return pass_verdict(
            expected_total,
            stored,
            rejected,
            filtered,
            self.ends_pass,
            counted_twice=self.counted_twice,
            above=self.above,
            counted=self.counted,
            began_at_bookmark=run.resume.bookmark is not None,
        )


def _count_above(cursor: Any, run: OpenRun, values: Mapping[str, Any]) -> int:
    """Rows that backfills have stored since the pass began, and that are newer than what its total counts.

    It takes a look at the whole table, in the rare case that there may be any.
    """
    cursor.execute(statement("read_pass_head"), values)
    row = cursor.fetchone()
    if row is None:
        return 0
    cursor.execute(run.slice.table.statement("count_above_pass"), {"backfilled_at": row[0], "newest_at": row[1]})
    counted = cursor.fetchone()
    assert counted is not None
    return int(counted[0])


def _counted(cursor: Any, run: OpenRun, batch: Batch) -> Counted | None:
    """What a whole pass by numbers has brought, this batch included: its pages are in the ledger by now."""
    last = batch.pages[-1].page
    if not run.is_counted or last.ends_pass != "last_page":
        return None
    of_chain = {"slice_id": run.slice.slice_id, "pass_number": run.resume.pass_number, "walk": last.chain}
    cursor.execute(statement("count_received"), of_chain)
    row = cursor.fetchone()
    assert row is not None
    return Counted(int(row[0]), last.total)


def _read_received(cursor: Any, run: OpenRun, batch: Batch, oldest_at: datetime | None) -> Received | None:
    """What the pass has received of what it asks for; None where it asks for everything, or no total is known.

    After the batch's rows and lines of the ledger, and before its checkpoint: it may look at the whole table.
    """
    if run.resume.pass_since_us is None:
        return None
    cursor.execute(statement("read_window"), {**run.key, "oldest_at": oldest_at, **window(run, batch)})
    since_at, total, repeated = cursor.fetchone()
    if total is None:
        return None
    cursor.execute(statement("read_received"), {**run.key, "pass_number": run.resume.pass_number})
    events, duplicates, rejected, filtered = cursor.fetchone()
    different = events - repeated
    if duplicates and not run.resume.begins_pass:
        # What an earlier run has received may have come again in this one, which does not remember it.
        cursor.execute(run.slice.table.statement("count_window"), {"since_at": since_at})
        (stored,) = cursor.fetchone()
        different = min(different, stored + rejected + filtered)
    return Received(total, different, rejected, filtered, run.resume.pass_since_us)


def window(run: OpenRun, batch: Batch) -> dict[str, int | None]:
    """Of a pass that does not ask for everything: the API's total of what it asks for, and what has come again."""
    total = None if run.resume.pass_since_us is None else batch.expected_total
    return {"window_total": total, "repeated": sum(page.repeated for page in batch.pages)}
