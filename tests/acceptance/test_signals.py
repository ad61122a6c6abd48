"""SIGTERM in every state: the run ends soon, says what it is, and the next one loses nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable

import psycopg2
import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.mock import MockApi
from tests.support.truth import assert_exact, assert_totals_balance
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


@pytest.mark.parametrize(
    "place",
    [
        "at_start",
        "run_opened",
        "before_fetch",
        "after_fetch",
        "waiting",
        "mid_copy",
        "before_checkpoint",
        "after_commit",
    ],
)
def test_a_signal_ends_the_run_in_every_state(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    faults = [{"name": "slow", "rate": 1.0, "delay_ms": 50}]
    if place == "waiting":
        faults.append({"name": "rate_limit_burst", "requests": [3], "wait_ms": 6000})
    mock.control("faults", "POST", faults)
    crawl = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@1=stop", **SETTINGS)
    eventually(lambda: crawl.is_frozen, what="the state")
    crawl.kill(signal.SIGTERM)
    crawl.kill(signal.SIGCONT)
    assert crawl.wait(45) == 5, crawl.log
    assert "ingestion complete" not in crawl.log
    assert value(database_url, "SELECT lease_owner FROM ingestion_state WHERE id = 1") is None
    mock.control("faults", "DELETE")
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait(120) == 0, again.log
    assert_exact(database_url, 3000)


def test_a_second_signal_ends_the_run_at_once_and_what_was_committed_stays(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000")
    mock.control("faults", "POST", [{"name": "stalled", "requests": [8]}])
    crawl = start_crawl(mock.base_url, API_TIMEOUT_MS="60000", **SETTINGS)
    eventually(lambda: value(database_url, "SELECT count(*) >= 7 FROM ingestion_pages"), what="seven committed pages")
    crawl.kill(signal.SIGTERM)
    eventually(lambda: "received SIGTERM" in crawl.log, what="the first signal to be heard")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(45) == 5, crawl.log
    assert_totals_balance(database_url)
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(database_url, 3000)


@pytest.mark.parametrize(
    ("lock", "begins_with"),
    [
        # What a migration of another process holds.
        ("SELECT pg_advisory_xact_lock(7235191845)", "start"),
        # What a run holds that was frozen in its checkpoint.
        ("SELECT 1 FROM ingestion_state FOR UPDATE", "opening"),
        # What an administrator's statement may hold, while an incremental pass asks whether its page is known.
        ("LOCK TABLE ingested_events IN ACCESS EXCLUSIVE MODE", "lookup"),
    ],
)
def test_a_signal_is_heard_while_the_database_keeps_the_run_waiting(
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    database_url: str,
    lock: str,
    begins_with: str,
) -> None:
    mock = start_mock_api("--total", "600")
    assert start_crawl(mock.base_url, **SETTINGS).wait() == 0
    holder = psycopg2.connect(database_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(lock)
        crawl = start_crawl(mock.base_url, **SETTINGS)
        waiting = (
            "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        eventually(lambda: value(database_url, waiting), what=f"the {begins_with} to wait")
        crawl.kill(signal.SIGTERM)
        assert crawl.wait(45) == 5, crawl.log
        assert "ingestion complete" not in crawl.log
    finally:
        holder.close()
    again = start_crawl(mock.base_url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(database_url, 600)
