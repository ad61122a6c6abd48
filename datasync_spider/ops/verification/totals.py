"""The totals: the tables against the stream's row, and that against what the runs did. Pure."""

from __future__ import annotations

from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.storage.verification import Events, Totals

_SET_RIGHT = "set the totals right as docs/operate/operations.md says under Resume"


def deleted_rows(totals: Totals, events: Events) -> int:
    """How many events were deleted by someone who set the totals right afterwards; 0 where the totals are not right."""
    own = events.rows - totals.total_adopted
    return max(0, _brought(totals, events) - own) if totals.total_ingested == own else 0


def _brought(totals: Totals, events: Events) -> int:
    """What the runs stored, and what an adopted database had before the first one."""
    return totals.all_inserted + events.unrecorded


def check_totals(totals: Totals, events: Events) -> list[Check]:
    """Four checks; each compares two numbers that were counted apart."""
    return [
        _stored(totals, events.rows),
        _rejected(totals),
        _runs(totals, events),
        _replays(totals),
    ]


def _stored(totals: Totals, rows: int) -> Check:
    recorded, adopted = totals.total_ingested + totals.total_adopted, totals.total_adopted
    numbers = {"rows": rows, "booked": recorded}
    others = f" with {adopted:,} that other streams have stored there" if adopted else ""
    if rows == recorded:
        return holds("stored_total", f"{rows:,} events are in the table, as total_ingested says{others}", numbers)
    text = f"{rows:,} events are in the table, but total_ingested says {recorded:,}{others}"
    if rows < recorded:
        remedy = f"{recorded - rows:,} rows were deleted: {_SET_RIGHT}, and crawl again"
    else:
        remedy = f"{rows - recorded:,} rows were added by other hands: delete them, or {_SET_RIGHT}"
    return fails("stored_total", text, remedy, numbers)


def _rejected(totals: Totals) -> Check:
    found, recorded = totals.open_dead_letters, totals.total_rejected
    numbers = {"rows": found, "booked": recorded, "settled": totals.resolved_dead_letters}
    resolved = f"; {totals.resolved_dead_letters:,} more are resolved" if totals.resolved_dead_letters else ""
    if found == recorded:
        text = f"{found:,} rejected events are kept, as total_rejected says{resolved}"
        return holds("rejected_total", text, numbers)
    return fails(
        "rejected_total",
        f"{found:,} rejected events are kept, but total_rejected says {recorded:,}{resolved}",
        "restore the rows from a backup; where they were deleted on purpose, set ingestion_state.total_rejected to"
        " the number of those whose replayed_at is NULL",
        numbers,
    )


def _runs(totals: Totals, events: Events) -> Check:
    recorded = totals.total_ingested
    numbers = {"inserted": totals.all_inserted, "before_the_first_run": events.unrecorded, "booked": recorded}
    before = f" and {events.unrecorded:,} were there before the first one" if events.unrecorded else ""
    text = f"the runs stored {totals.all_inserted:,} events{before}"
    if _brought(totals, events) == recorded:
        return holds("run_sums", f"{text}, as total_ingested says", numbers)
    if deleted := deleted_rows(totals, events):
        return holds("run_sums", f"{text}; {deleted:,} were deleted later, and the totals were set right", numbers)
    return fails(
        "run_sums",
        f"{text}, but total_ingested says {recorded:,}",
        "someone changed ingestion_runs or ingestion_state, or restored a part of the database: restore all of it"
        " from one backup",
        numbers,
    )


def _replays(totals: Totals) -> Check:
    """Resolved dead letters are history, and may be deleted; none is resolved but by a replay."""
    marked, counted = totals.resolved_dead_letters, totals.resolved_by_replays
    numbers = {"rows": marked, "counted": counted}
    if marked <= counted:
        gone = f"; {counted - marked:,} of them are no longer kept" if marked < counted else ""
        return holds("replays", f"{counted:,} rejected events were resolved by replays{gone}", numbers)
    return fails(
        "replays",
        f"{marked:,} rejected events are marked as resolved, but replays resolved {counted:,}",
        "replayed_at was set by other hands: set it to NULL again, and run scrapy replay",
        numbers,
    )
