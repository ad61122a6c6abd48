"""A sync ends by one transaction: its run, its lease, and when the slice is due again, or none of them."""

from __future__ import annotations

from contextlib import closing

import pytest

from datasync_spider.errors import StorageError
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.connection import connect, connected
from datasync_spider.storage.due import Rhythm, SliceKey, ended, register
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.syncend import Due, Finished, finish_sync
from tests.support.database import execute_outside, rows
from tests.support.runs import open_test_run
from tests.support.sources import stream_spec

A = '{"tenant":"a"}'
OF_A = SliceKey("shop", "shop.orders", A)
DUE = Due(OF_A, notifies=False)
HELD = "SELECT lease_run_id IS NOT NULL, status FROM ingestion_state JOIN ingestion_runs ON slice_id = id"
IS_DUE = "SELECT due_at <= now(), run_id FROM ingestion_due"


@pytest.fixture
def run(database_url: str) -> OpenRun:
    with connected(database_url) as connection:
        register(connection, "shop", [Rhythm("shop.orders", [A], 300.0)])
    return open_test_run(database_url, stream_spec("shop.orders", A, source="shop"))


def finish(url: str, run: OpenRun, status: str = "complete", due: Due | None = DUE) -> Finished:
    with connected(url) as connection:
        return finish_sync(connection, run, status, "why", None, 1, 2, Closed(), due)


def test_all_of_it_is_said_at_once_and_reported_as_it_is(database_url: str, run: OpenRun) -> None:
    finished = finish(database_url, run)
    assert finished.is_noted
    assert finished.is_over
    assert finished.run is not None
    told = [finished.run[name] for name in ("run_id", "status", "reason", "retries", "slice", "stored")]
    assert told == [run.run_id, "complete", "why", 1, A, 0]
    assert rows(database_url, HELD) == [(False, "complete")]
    assert rows(database_url, IS_DUE) == [(False, run.run_id)]


def test_where_a_part_of_it_fails_the_run_goes_on_as_its_last_commit_has_left_it(
    database_url: str, run: OpenRun
) -> None:
    execute_outside(database_url, "ALTER TABLE ingestion_due ADD CHECK (run_id IS NULL)")
    with pytest.raises(StorageError):
        finish(database_url, run)
    assert rows(database_url, HELD) == [(True, "running")]
    assert rows(database_url, IS_DUE) == [(True, None)]


def test_whoever_has_the_slices_row_of_what_is_due_does_not_keep_the_run_from_ending(
    database_url: str, run: OpenRun
) -> None:
    with closing(connect(database_url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM ingestion_due FOR UPDATE")
        assert not finish(database_url, run).is_noted
        assert rows(database_url, HELD) == [(False, "complete")]
        other.rollback()
    with connected(database_url) as connection:
        ended(connection, OF_A, run_id=run.run_id)
    assert rows(database_url, IS_DUE) == [(False, run.run_id)]


def test_a_run_that_is_not_to_say_when_the_slice_is_due_says_nothing_of_it(database_url: str, run: OpenRun) -> None:
    assert finish(database_url, run, "stopped").is_noted
    assert finish(database_url, run, due=None).is_noted
    assert rows(database_url, IS_DUE) == [(True, None)]


def test_one_that_another_run_has_taken_over_is_reported_as_it_has_become(database_url: str, run: OpenRun) -> None:
    successor = open_test_run(database_url, stream_spec("shop.orders", A, source="shop"))
    finished = finish(database_url, run, "fenced")
    assert finished.run is not None
    assert (finished.is_over, finished.run["status"]) == (True, "fenced")
    assert rows(database_url, "SELECT lease_run_id FROM ingestion_state WHERE slice = %s", (A,)) == [
        (successor.run_id,)
    ]
    assert rows(database_url, IS_DUE) == [(True, None)]
