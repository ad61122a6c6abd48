"""What a commit reports of what it brought, and where the run after one that got nothing new begins."""

from __future__ import annotations

import pytest

from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.connection import connected
from datasync_spider.storage.known import count_stored
from datasync_spider.storage.runs import finish_run
from tests.support.database import rows
from tests.support.pages import page
from tests.support.runs import EVENTS, open_test_run, run_writer


def entry(raw: bytes, position: int = 0) -> RejectedEvent:
    return RejectedEvent(position, "not_an_object", raw)


def test_a_commit_says_which_page_brought_the_last_new_thing_and_what_is_accounted_for(database_url: str) -> None:
    with run_writer(database_url) as run:
        first = run.write(page(1, ["a", "b"]), page(2, ["c"], rejected=[entry(b"42")]), page(3, ["a"]))
        assert (first.last_new_page, first.accounted) == (2, 4)
        known = run.write(page(4, ["b"]), page(5, [], rejected=[entry(b"42")]), page(6, []))
        assert (known.last_new_page, known.accounted) == (None, 5)
        dead = run.write(page(7, ["a"], rejected=[entry(b"43")]), page(8, ["c"]))
        assert (dead.last_new_page, dead.accounted) == (7, 6)
        filtered = page(9, ["a"])
        filtered.received_events = 3
        assert run.write(filtered).accounted == 8
    with connected(database_url) as connection:
        assert count_stored(connection, EVENTS) == 3


def test_one_more_of_the_same_bytes_is_kept_and_is_nothing_new(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [], rejected=[entry(b"42")]))
        again = run.write(page(2, [], rejected=[entry(b"42"), entry(b"42", 1)]))
    assert again.last_new_page is None
    assert rows(database_url, "SELECT count(*) FROM rejected_events") == [(3,)]


@pytest.mark.parametrize(
    ("reason", "cursor", "chain"), [("no_new_records", None, 2), ("only_empty_pages", "cursor-2", 1)]
)
def test_a_position_that_leads_nowhere_is_kept_and_not_used(
    database_url: str, reason: str, cursor: str | None, chain: int
) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"], expected_total=30), page(2, ["a"]))
        with connected(database_url) as connection:
            finish_run(connection, run.run, "failed", reason, None, 0, 0)
    # A run that gets nowhere at all changes nothing in that.
    open_test_run(database_url)
    resume = open_test_run(database_url).resume
    assert (resume.cursor, resume.chain, resume.pass_number, resume.expected_total) == (cursor, chain, 1, 30)
    assert resume.distrusted == (cursor is None)
    assert resume.trail == (() if cursor is None else ("cursor-1",))
    assert rows(database_url, "SELECT cursor, walk FROM ingestion_state") == [("cursor-2", 1)]


def test_the_position_of_the_chain_from_the_head_is_used_again(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"]))
        with connected(database_url) as connection:
            finish_run(connection, run.run, "failed", "no_new_records", None, 0, 0)
    with run_writer(database_url) as run:
        run.write(page(1, ["a"], chain=run.run.resume.chain))
    resume = open_test_run(database_url).resume
    assert (resume.cursor, resume.chain, resume.distrusted) == ("cursor-1", 2, False)
