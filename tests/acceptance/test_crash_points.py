"""A crash at each named point: whatever is left behind, the next run ends complete and exact."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.failpoints import PLACES
from datasync_spider.storage.runs import finish_run
from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.mock import MockApi, ground_truth
from tests.support.pages import event, page
from tests.support.runs import run_writer
from tests.support.truth import assert_exact, assert_totals_balance
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}
# How often the place is reached before it strikes: in the middle of things, where it is reached more than once.
HITS = {"at_start": 1, "run_opened": 1, "before_finish": 1, "in_migration": 2, "waiting": 1}


# Those of other commands, of a batch with known keys, of tokens, of deletions and of messages have tests of their own.
ELSEWHERE = {
    *("in_migration", "split", "removal_fenced", "removal_written", "removal_committed"),
    *("token_answered", "token_stored", "deletions_marked", "notice_posted"),
}


@pytest.mark.parametrize("place", sorted(PLACES - ELSEWHERE))
def test_a_crash_at_a_named_place_loses_nothing_and_doubles_nothing(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    if place == "waiting":
        mock.control("faults", "POST", {"name": "status_503", "requests": [6]})
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@{HITS.get(place, 3)}=kill", **SETTINGS)
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    assert_totals_balance(database_url)
    recovered = start_crawl(mock.base_url, **SETTINGS)
    assert recovered.wait() == 0, recovered.log
    assert_exact(database_url, 3000)


@pytest.mark.parametrize("place", ["split", "mid_copy", "before_checkpoint", "before_commit"])
def test_a_crash_among_known_and_unknown_events_loses_nothing_and_doubles_nothing(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    _store_every_third(database_url, ground_truth("--total", "3000"))
    # A batch copies up to three times: known rows, new rows, versions that differ.
    failpoint = f"{place}@{9 if place == 'mid_copy' else 3}=kill"
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT=failpoint, WRITE_CONCURRENCY="1", **SETTINGS)
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    assert 1000 < value(database_url, "SELECT count(*) FROM ingested_events") < 3000
    assert_totals_balance(database_url)
    recovered = start_crawl(mock.base_url, **SETTINGS)
    assert recovered.wait() == 0, recovered.log
    assert value(database_url, "SELECT sum(inserted) FROM ingestion_runs WHERE run_id > 1") == 2000
    assert_exact(database_url, 3000)


def _store_every_third(database_url: str, truth: list[dict[str, Any]]) -> None:
    """As an earlier pass through a feed that was shorter then."""
    known = [
        event(each["id"], 1_700_000_000_000_000 - place, json.dumps(each).encode())
        for place, each in enumerate(truth[::3])
    ]
    with run_writer(database_url) as run:
        run.write(page(1, known, ends_pass="last_page", expected_total=len(known)))
        finish_run(run.connection, run.run, "complete", "last_page", None, 0, 0)


def test_a_crash_after_commit_is_not_written_again(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000")
    settings = {**SETTINGS, "WRITE_CONCURRENCY": "1"}
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT="after_commit@2=kill", **settings)
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 800
    recovered = start_crawl(mock.base_url, **settings)
    assert recovered.wait() == 0, recovered.log
    assert value(database_url, "SELECT sum(duplicates) FROM ingestion_pages") == 0
    assert_exact(database_url, 3000)


def test_a_crash_in_a_migration_leaves_whole_migrations(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], empty_database_url: str
) -> None:
    mock = start_mock_api("--total", "500")
    crashed = start_crawl(mock.base_url, DATABASE_URL=empty_database_url, DATASYNC_FAILPOINT="in_migration@2=kill")
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    assert rows(empty_database_url, "SELECT version FROM schema_migrations") == [(1,)]
    recovered = start_crawl(mock.base_url, DATABASE_URL=empty_database_url)
    assert recovered.wait() == 0, recovered.log
    assert_exact(empty_database_url, 500)


@pytest.mark.parametrize("place", ["before_fetch", "before_checkpoint", "before_commit", "after_commit"])
def test_a_process_that_was_frozen_past_its_lease_wakes_up_fenced_and_writes_nothing_more(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    zombie = start_crawl(
        mock.base_url, DATASYNC_FAILPOINT=f"{place}@3=stop", LEASE_TTL_MS="1000", WRITE_CONCURRENCY="1", **SETTINGS
    )
    eventually(lambda: zombie.is_frozen, what="the freeze")
    eventually(lambda: _lease_has_expired(database_url), what="the lease to expire")
    successor = start_crawl(mock.base_url, **SETTINGS)
    assert successor.wait() == 0, successor.log
    stored = value(database_url, "SELECT count(*) FROM ingested_events")
    zombie.kill(signal.SIGCONT)
    assert zombie.wait() == 1, zombie.log
    assert "ingestion complete" not in zombie.log
    statuses = rows(database_url, "SELECT status FROM ingestion_runs ORDER BY run_id")
    assert statuses == [("fenced",), ("complete",)]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == stored
    assert_exact(database_url, 3000)


def test_a_process_that_is_frozen_in_the_middle_of_copy_keeps_no_key_from_its_successor(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    # A whole page of rows is with the server by then, in a transaction that no timeout of the server ends.
    zombie = start_crawl(
        mock.base_url, DATASYNC_FAILPOINT="mid_copy@1=stop", LEASE_TTL_MS="1000", WRITE_CONCURRENCY="1"
    )
    eventually(lambda: zombie.is_frozen, what="the freeze")
    in_copy = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%%'"
    eventually(lambda: value(database_url, f"{in_copy} AND backend_xid IS NOT NULL", ()), what="rows in the table")
    eventually(lambda: _lease_has_expired(database_url), what="the lease to expire")
    successor = start_crawl(mock.base_url)
    assert successor.wait() == 0, successor.log
    zombie.kill(signal.SIGCONT)
    assert zombie.wait() == 1, zombie.log
    assert rows(database_url, "SELECT status FROM ingestion_runs ORDER BY run_id") == [("fenced",), ("complete",)]
    assert_exact(database_url, 20000)


def _lease_has_expired(database_url: str) -> bool:
    return bool(value(database_url, "SELECT lease_expires_at < now() FROM ingestion_state WHERE id = 1"))
