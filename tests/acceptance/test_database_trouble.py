"""PostgreSQL goes away in the middle of things: the run rides it out, or fails with its position kept."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from datasync_spider.local.embedded_postgres import start_embedded
from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.postgres import OwnServer
from tests.support.truth import assert_exact
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server that this test may kill."""
    with tempfile.TemporaryDirectory(prefix="datasync-own-") as home, start_embedded(Path(home)) as server:
        yield OwnServer(Path(home), server.url)


def slow_mock(start_mock_api: Callable[..., MockApi]) -> MockApi:
    mock = start_mock_api("--total", "8000")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 30})
    return mock


def wait_for_pages(url: str, count: int) -> None:
    def enough() -> bool:
        try:
            return bool(value(url, "SELECT count(*) >= %s FROM ingestion_pages", (count,)))
        except psycopg2.Error:
            return False

    eventually(enough, what=f"{count} committed pages")


def test_backends_that_are_terminated_again_and_again_cost_nothing(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = slow_mock(start_mock_api)
    crawl = start_crawl(mock.base_url, **SETTINGS)
    for count in (4, 10, 16, 22):
        wait_for_pages(database_url, count)
        rows(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name ~ '^datasync'",
        )
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 8000)


def test_a_server_that_loses_power_and_comes_back_is_ridden_out(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    mock = slow_mock(start_mock_api)
    crawl = start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    eventually(lambda: "again in" in crawl.log, what="the writer to notice")
    own_server.start()
    assert crawl.wait() == 0, crawl.log
    assert_exact(own_server.url, 8000)


def test_a_server_that_stays_away_ends_the_run_as_failed_and_the_next_one_goes_on(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    mock = slow_mock(start_mock_api)
    crawl = start_crawl(mock.base_url, DATABASE_URL=own_server.url, WRITE_RETRY_BUDGET_MS="1500", **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    assert crawl.wait() == 1, crawl.log
    assert "ingestion complete" not in crawl.log
    own_server.start()
    mock.control("faults", "DELETE")
    assert start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS).wait() == 0
    assert_exact(own_server.url, 8000)


def test_a_signal_ends_the_run_in_time_even_if_the_server_is_away(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    mock = slow_mock(start_mock_api)
    crawl = start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    eventually(lambda: "again in" in crawl.log, what="the writer to notice")
    crawl.kill(signal.SIGTERM)
    # The row cannot be written, so the exit code says no more than is known: not complete.
    assert crawl.wait(10) in {1, 5}, crawl.log
    own_server.start()
    mock.control("faults", "DELETE")
    assert start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS).wait() == 0
    assert_exact(own_server.url, 8000)


def test_a_server_that_freezes_does_not_keep_a_signal_from_ending_the_run(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    mock = slow_mock(start_mock_api)
    crawl = start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    with own_server.frozen():
        crawl.kill(signal.SIGTERM)
        assert crawl.wait(10) in {1, 5}, crawl.log
    mock.control("faults", "DELETE")
    again = start_crawl(mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(own_server.url, 8000)
