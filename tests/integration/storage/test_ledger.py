"""The ledger: each column of a page's row holds what the page said, whatever it said."""

from __future__ import annotations

from datetime import UTC, datetime

from datasync_spider.records.event import RejectedEvent
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import run_writer

NEWEST_US, OLDEST_US = 1_700_000_000_123_456, -1


def test_every_column_holds_what_the_page_says(database_url: str) -> None:
    dead = RejectedEvent(position=3, reason="no_id", raw=b"{}")
    first = page(1, [event("a", NEWEST_US), event("b", OLDEST_US), event("b", OLDEST_US)], rejected=[dead], chain=7)
    first.received_events = 6
    first.cursor, first.next_cursor, first.request_id = "é\t\\N\n", '"next"', "r-1"
    first.body_bytes, first.attempts, first.waited_ms, first.fetch_ms = 2**33, 3, 2**34, 4
    first.fetched_at = 1_800_000_000.25
    with run_writer(database_url, stream="Strom") as run:
        run.write(first)
        run_id = run.run.run_id
    assert rows(
        database_url,
        "SELECT run_id, page_number, slice_id, stream, pass_number, walk, batch_number, cursor, next_cursor,"
        " request_id, events, inserted, duplicates, rejected, filtered, bytes, attempts, waited_ms, fetch_ms,"
        " newest_at, oldest_at, fetched_at FROM ingestion_pages",
    ) == [
        (
            *(run_id, 1, run.run.slice.slice_id, "Strom", 1, 7, 1, "é\t\\N\n", '"next"', "r-1"),
            *(6, 2, 1, 1, 2, 2**33, 3, 2**34, 4),
            datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2027, 1, 15, 8, 0, 0, 250000, tzinfo=UTC),
        )
    ]
    assert value(database_url, "SELECT write_ms >= 0 AND committed_at <= now() FROM ingestion_pages")


def test_what_a_page_does_not_say_is_null(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [], ends_pass="last_page"))
    assert rows(
        database_url, "SELECT cursor, next_cursor, request_id, newest_at, oldest_at, events FROM ingestion_pages"
    ) == [(None, None, None, None, None, 0)]


def test_a_batch_of_many_small_pages_has_a_row_for_each(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(*(page(number, [f"{number}"]) for number in range(1, 401)))
    assert rows(
        database_url,
        "SELECT count(*), min(page_number), max(page_number), sum(inserted), count(DISTINCT next_cursor)"
        " FROM ingestion_pages",
    ) == [(400, 1, 400, 400, 400)]
