"""The ids of all events as of one instant, in the order of their bytes, a batch at a time."""

from __future__ import annotations

import pytest

from datasync_spider.items import EventPage
from datasync_spider.storage.event_ids import id_snapshot
from tests.support.database import execute_outside
from tests.support.pages import page
from tests.support.runs import EVENTS, run_writer

UNORDERED = ["b", "B", "a", "ä", "10", "2", "_", "-", "Z", "é", "\U0001f600"]


def write(url: str, *pages: EventPage) -> None:
    with run_writer(url) as writer:
        writer.write(*pages)


def all_ids(url: str) -> list[str]:
    with id_snapshot(url, EVENTS) as snapshot:
        return [event_id for batch in snapshot.batches() for event_id in batch]


def test_ids_come_in_the_order_of_their_bytes_whatever_the_collation(database_url: str) -> None:
    write(database_url, page(1, UNORDERED, ends_pass="last_page"))
    assert all_ids(database_url) == sorted(UNORDERED, key=str.encode)


def test_the_basis_has_what_the_totals_and_the_table_hold(database_url: str) -> None:
    write(database_url, page(1, ["a", "b"], ends_pass="last_page", expected_total=2))
    with id_snapshot(database_url, EVENTS) as snapshot:
        basis = snapshot.basis
    assert (basis.pass_status, basis.pass_number, basis.expected_total) == ("complete", 1, 2)
    assert (basis.events, basis.recorded_events, basis.rejected_events) == (2, 2, 0)
    assert basis.unlistable is None


def test_a_stream_that_was_never_started_has_a_basis_too(database_url: str) -> None:
    with id_snapshot(database_url, EVENTS) as snapshot:
        assert (snapshot.basis.pass_status, snapshot.basis.events) == ("new", 0)


def test_a_run_in_progress_is_seen_and_other_streams_do_not_count(database_url: str) -> None:
    write(database_url, page(1, ["a"]))
    with run_writer(database_url, "other") as writer:
        writer.write(page(1, ["b"], ends_pass="last_page"))
        with id_snapshot(database_url, writer.run.slice) as snapshot:
            assert snapshot.basis.is_running
            assert (snapshot.basis.events, snapshot.basis.recorded_events) == (1, 1)
            assert [list(batch) for batch in snapshot.batches()] == [["b"]]


@pytest.mark.parametrize("event_id", ["two\nlines", "two\rlines", "   "])
def test_an_id_that_cannot_be_a_line_is_named(database_url: str, event_id: str) -> None:
    write(database_url, page(1, ["plain", "also plain"]))
    # A crawl would reject a blank one; a database that was adopted may have it.
    execute_outside(database_url, f"INSERT INTO ingested_events (event_id, payload) VALUES ('{event_id}', '{{}}')")
    with id_snapshot(database_url, EVENTS) as snapshot:
        assert snapshot.basis.unlistable == event_id


def test_a_snapshot_does_not_see_what_is_written_while_it_is_read(database_url: str) -> None:
    write(database_url, page(1, ["a", "b"]))
    with id_snapshot(database_url, EVENTS) as snapshot:
        execute_outside(database_url, "INSERT INTO ingested_events (event_id, payload) VALUES ('c', '{}')")
        found = [event_id for batch in snapshot.batches() for event_id in batch]
    assert found == ["a", "b"]
    assert snapshot.basis.events == 2


def test_more_than_a_batch_comes_in_batches(database_url: str) -> None:
    numbers = "SELECT lpad(n::text, 6, '0'), '{}' FROM generate_series(1, 25000) n"
    execute_outside(database_url, f"INSERT INTO ingested_events (event_id, payload) {numbers}")
    with id_snapshot(database_url, EVENTS) as snapshot:
        sizes = [len(batch) for batch in snapshot.batches()]
    assert len(sizes) > 1
    assert sum(sizes) == 25_000
    assert max(sizes) <= 10_000
