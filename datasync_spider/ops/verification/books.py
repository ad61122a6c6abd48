"""The totals: the tables against the stream's row, and that against what the runs did. Pure."""

from __future__ import annotations

from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.storage.verification import Books, Events

_SET_RIGHT = "set the books right as docs/operate/operations.md says under Resume"


def deleted_rows(books: Books, events: Events) -> int:
    """How many events were deleted by somebody who set the books right afterwards; 0 where the books are not right."""
    own = events.rows - books.total_adopted
    return max(0, _brought(books, events) - own) if books.total_ingested == own else 0


def _brought(books: Books, events: Events) -> int:
    """What the runs stored, and what an adopted database had before the first one."""
    return books.all_inserted + events.unbooked


def judge_books(books: Books, events: Events) -> list[Check]:
    """Four checks; each compares two numbers that were counted apart."""
    return [
        _stored(books, events.rows),
        _rejected(books),
        _runs(books, events),
        _replays(books),
    ]


def _stored(books: Books, rows: int) -> Check:
    booked, adopted = books.total_ingested + books.total_adopted, books.total_adopted
    numbers = {"rows": rows, "booked": booked}
    others = f" with {adopted:,} that other streams have stored there" if adopted else ""
    if rows == booked:
        return holds("stored_total", f"{rows:,} events are in the table, as total_ingested says{others}", numbers)
    text = f"{rows:,} events are in the table, but total_ingested says {booked:,}{others}"
    if rows < booked:
        remedy = f"{booked - rows:,} rows were deleted: {_SET_RIGHT}, and crawl again"
    else:
        remedy = f"{rows - booked:,} rows were added by other hands: delete them, or {_SET_RIGHT}"
    return fails("stored_total", text, remedy, numbers)


def _rejected(books: Books) -> Check:
    found, booked = books.open_letters, books.total_rejected
    numbers = {"rows": found, "booked": booked, "settled": books.settled_letters}
    settled = f"; {books.settled_letters:,} more are settled" if books.settled_letters else ""
    if found == booked:
        text = f"{found:,} rejected events are kept, as total_rejected says{settled}"
        return holds("rejected_total", text, numbers)
    return fails(
        "rejected_total",
        f"{found:,} rejected events are kept, but total_rejected says {booked:,}{settled}",
        "restore the rows from a backup; where they were deleted on purpose, set ingestion_state.total_rejected to"
        " the number of those whose replayed_at is NULL",
        numbers,
    )


def _runs(books: Books, events: Events) -> Check:
    booked = books.total_ingested
    numbers = {"inserted": books.all_inserted, "before_the_first_run": events.unbooked, "booked": booked}
    before = f" and {events.unbooked:,} were there before the first one" if events.unbooked else ""
    text = f"the runs stored {books.all_inserted:,} events{before}"
    if _brought(books, events) == booked:
        return holds("run_sums", f"{text}, as total_ingested says", numbers)
    if deleted := deleted_rows(books, events):
        return holds("run_sums", f"{text}; {deleted:,} were deleted later, and the books were set right", numbers)
    return fails(
        "run_sums",
        f"{text}, but total_ingested says {booked:,}",
        "somebody changed ingestion_runs or ingestion_state, or restored a part of the database: restore all of it"
        " from one backup",
        numbers,
    )


def _replays(books: Books) -> Check:
    """Settled letters are history, and may be deleted; none is settled but by a replay."""
    marked, counted = books.settled_letters, books.settled_by_replays
    numbers = {"rows": marked, "counted": counted}
    if marked <= counted:
        gone = f"; {counted - marked:,} of them are no longer kept" if marked < counted else ""
        return holds("replays", f"{counted:,} rejected events were settled by replays{gone}", numbers)
    return fails(
        "replays",
        f"{marked:,} rejected events are marked as settled, but replays settled {counted:,}",
        "replayed_at was set by other hands: set it to NULL again, and run scrapy replay",
        numbers,
    )
