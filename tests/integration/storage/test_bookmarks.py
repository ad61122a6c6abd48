"""What a pass begins with and leaves for the next one, and what is left of that where a run is cut off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from datasync_spider.errors import FencedOff
from datasync_spider.items import EventPage
from datasync_spider.storage.runs import ResumePoint
from tests.support.database import execute_outside, rows
from tests.support.deadletters import dead_letter
from tests.support.pages import page
from tests.support.runs import RunWriter, open_test_run
from tests.support.sources import stream_spec

RESUMABLE = stream_spec("events", order="oldest-first", is_incremental=False, has_bookmarks=True)
STATE = "SELECT pass_kind, pass_status, bookmark, cursor FROM ingestion_state"


def start(url: str, spec: Any = RESUMABLE) -> RunWriter:
    return RunWriter(url, open_test_run(url, spec))


def place(resume: ResumePoint) -> tuple[str, str | None, str | None]:
    return resume.pass_kind, resume.bookmark, resume.cursor


def last(number: int, bookmark: str | None, **more: Any) -> EventPage:
    return replace(page(number, [f"e{number}"], ends_pass="last_page", **more), bookmark=bookmark)


def complete(url: str, bookmark: str | None = "t1") -> None:
    run = start(url)
    run.write(last(1, bookmark))
    run.connection.close()


def test_a_complete_pass_leaves_its_bookmark_and_the_next_begins_with_it(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    assert place(run.run.resume) == ("incremental", "t1", None)
    assert rows(database_url, "SELECT start_cursor FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == [("t1",)]
    run.connection.close()
    # Killed before its first page, between two, and before its last one: the bookmark is what it was.
    run = start(database_url)
    assert place(run.run.resume) == ("incremental", "t1", None)
    run.write(replace(page(1, ["a"]), cursor="t1", next_cursor="t2"))
    run.connection.close()
    run = start(database_url)
    assert place(run.run.resume) == ("incremental", "t1", "t2")
    run.write(replace(last(1, "t3"), cursor="t2"))
    run.connection.close()
    assert rows(database_url, STATE) == [("incremental", "complete", "t3", "t2")]
    assert place(start(database_url).run.resume) == ("incremental", "t3", None)


def test_a_last_page_that_is_not_committed_leaves_no_bookmark(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    execute_outside(database_url, "UPDATE ingestion_state SET fence = fence + 1")
    with pytest.raises(FencedOff):
        run.write(replace(last(1, "t3"), cursor="t1"))
    assert rows(database_url, "SELECT bookmark FROM ingestion_state") == [("t1",)]


def test_a_pass_that_begins_anew_is_a_full_one_from_the_commit_of_its_first_page_on(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    # The API has no use for t1: killed before the head's page is committed, all is as it was.
    run.connection.close()
    run = start(database_url)
    assert place(run.run.resume) == ("incremental", "t1", None)
    run.write(replace(page(1, ["a"], chain=2), is_widened=True))
    assert rows(database_url, "SELECT pass_kind FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == [("full",)]
    run.connection.close()
    run = start(database_url)
    assert place(run.run.resume) == ("full", None, "cursor-1")
    run.write(replace(last(1, "t9", chain=2), cursor="cursor-1"))
    run.connection.close()
    assert rows(database_url, STATE) == [("full", "complete", "t9", "cursor-1")]


def test_a_pass_without_a_proof_or_without_a_token_is_followed_by_a_full_one(database_url: str) -> None:
    run = start(database_url)
    run.write(last(1, "t1", expected_total=7))
    run.connection.close()
    assert rows(database_url, "SELECT pass_status, bookmark FROM ingestion_state") == [("short", None)]
    complete(database_url, bookmark=None)
    run = start(database_url)
    assert place(run.run.resume) == ("full", None, None)
    run.connection.close()


def test_a_total_counts_the_whole_and_says_nothing_of_what_follows_a_bookmark(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    committed = run.write(replace(last(1, "t2", expected_total=99), cursor="t1"))
    run.connection.close()
    assert committed.run_status == "complete"
    assert committed.detail is not None
    assert "the complete pass before" in committed.detail


def test_a_pass_of_the_other_kind_is_begun_anew_in_full(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    run.write(replace(page(1, ["a"]), cursor="t1", next_cursor="t2"))
    run.connection.close()
    known = stream_spec("events")
    assert place(open_test_run(database_url, known).resume) == ("full", None, None)
    assert rows(database_url, "SELECT bookmark FROM ingestion_state") == [(None,)]


def test_a_reset_forgets_the_bookmark_and_several_chains_keep_the_highest_number(database_url: str) -> None:
    run = start(database_url)
    run.write(replace(page(1, ["a"], chain=3), position="windows 1"))
    run.write(replace(page(2, ["b"], chain=2), position="windows 2", next_cursor=None))
    assert rows(database_url, "SELECT cursor, walk, pass_status FROM ingestion_state") == [("windows 2", 3, "open")]
    run.write(replace(last(3, "floor"), cursor=None, position="windows 2", chain=3))
    run.connection.close()
    assert rows(database_url, "SELECT cursor, walk, bookmark FROM ingestion_state") == [("windows 2", 3, "floor")]


def test_records_without_an_id_are_counted_from_the_head_where_a_pass_begins_anew(database_url: str) -> None:
    nameless = b'{"no":"id"}'
    run = start(database_url)
    first = page(1, ["a"], rejected=[dead_letter(1, "no_id", nameless)], ends_pass="last_page")
    run.write(replace(first, bookmark="t1"))
    run.connection.close()
    run = start(database_url)
    # The same record behind a new one, on the first page of a full pass.
    anew = page(1, ["new", "a"], rejected=[dead_letter(1, "no_id", nameless)], ends_pass="last_page", chain=2)
    run.write(replace(anew, bookmark="t2", is_widened=True))
    run.connection.close()
    assert rows(database_url, "SELECT total_ingested, total_rejected FROM ingestion_state") == [(2, 1)]


def test_a_pass_that_begins_anew_is_compared_with_the_total_again(database_url: str) -> None:
    complete(database_url)
    run = start(database_url)
    committed = run.write(replace(last(1, "t2", expected_total=99, chain=2), is_widened=True))
    run.connection.close()
    assert committed.run_status == "incomplete"
    assert rows(database_url, "SELECT pass_kind, pass_status, bookmark FROM ingestion_state") == [
        ("full", "short", None)
    ]
