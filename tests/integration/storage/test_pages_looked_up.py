"""A page that a look has found to be stored just so is not compared again, and any other one is."""

from __future__ import annotations

import pytest

from datasync_spider.items import EventPage
from datasync_spider.storage.known import is_known_entirely
from tests.support.database import rows, value
from tests.support.runs import RunWriter, no_totals, run_writer
from tests.support.sources import read_page

BODY = b'{"data":[{"id":"a","n":1},{"id":"b","n":2}],"hasMore":true,"nextCursor":"x"}'
OTHERWISE = b'{"data":[{"id":"a","n":1},{"id":"b","n":3}],"hasMore":true,"nextCursor":"x"}'
SPELT_OTHERWISE = b'{"data":[{"n": 1.0, "id":"a"},{"id":"b","n":2}],"hasMore":true,"nextCursor":"x"}'
REFUSED = b'{"data":[{"id":"a","n":1},{"id":"b","n":1e400000}],"hasMore":true,"nextCursor":"x"}'


def fresh_page(body: bytes, number: int = 1, ends_pass: str | None = None) -> EventPage:
    answered = read_page(body)
    return EventPage(number, 1, None, "x", 2, answered, answered, ends_pass)


def store_first(database_url: str, body: bytes = BODY) -> None:
    with run_writer(database_url) as run:
        run.write(fresh_page(body, ends_pass="last_page"))


def looked_up(run: RunWriter, body: bytes) -> tuple[EventPage, bool]:
    page = fresh_page(body)
    is_known = is_known_entirely(run.connection, run.run.slice, page, run.run.resume.known_before)
    page.ends_pass = "reached_known" if is_known else None
    return page, is_known


@pytest.mark.parametrize("body", [BODY, SPELT_OTHERWISE])
def test_what_is_stored_just_so_is_counted_and_ends_the_pass_without_a_second_look(
    database_url: str, body: bytes
) -> None:
    store_first(database_url)
    with run_writer(database_url) as run:
        page, is_known = looked_up(run, body)
        assert (is_known, page.is_stored) == (True, True)
        batch = run.batch(page)
        assert batch.pages[0].page.is_stored
        committed = run.writer.write(run.connection, batch, lambda: None, no_totals)
    assert (committed.run_status, committed.counts.duplicates, committed.counts.inserted) == ("complete", 2, 0)
    assert value(database_url, "SELECT known_walk FROM ingestion_state WHERE id = 1") == 1
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0


@pytest.mark.parametrize("body", [OTHERWISE, REFUSED])
def test_what_is_stored_otherwise_is_compared_and_found(database_url: str, body: bytes) -> None:
    store_first(database_url)
    with run_writer(database_url) as run:
        page, is_known = looked_up(run, body)
        assert (is_known, page.is_stored) == (True, False)
        run.write(page)
    kept = rows(database_url, "SELECT event_id FROM event_conflicts")
    dead = value(database_url, "SELECT count(*) FROM rejected_events")
    assert (kept, dead) == (([("b",)], 0) if body is OTHERWISE else ([], 1))


def test_what_an_item_pipeline_has_had_in_hand_is_compared(database_url: str) -> None:
    store_first(database_url)
    with run_writer(database_url) as run:
        page, _ = looked_up(run, BODY)
        assert page.is_stored
        page.events[0].payload = b'{"id":"a","n":7}'
        run.write(page)
    assert rows(database_url, "SELECT event_id FROM event_conflicts") == [("a",)]
