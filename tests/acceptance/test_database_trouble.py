"""PostgreSQL goes away in the middle of things: the run rides it out, or fails with its position kept."""

from __future__ import annotations

import signal
from collections.abc import Callable

from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import migrate
from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.ledger import wait_for_pages
from tests.support.mock import MockApi
from tests.support.postgres import OwnServer
from tests.support.truth import assert_exact
from tests.support.waiting import eventually

SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


def test_backends_that_are_terminated_again_and_again_cost_nothing(
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, **SETTINGS)
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
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    eventually(lambda: "again in" in crawl.log, what="the writer to notice")
    own_server.start()
    assert crawl.wait() == 0, crawl.log
    assert_exact(own_server.url, 8000)


def test_a_server_that_stays_away_ends_the_run_as_failed_and_the_next_one_goes_on(
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, WRITE_RETRY_BUDGET_MS="1500", **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    assert crawl.wait() == 1, crawl.log
    assert "ingestion complete" not in crawl.log
    own_server.start()
    slow_mock.control("faults", "DELETE")
    assert start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS).wait() == 0
    assert_exact(own_server.url, 8000)


def test_a_signal_ends_the_run_in_time_even_if_the_server_is_away(
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    own_server.lose_power()
    eventually(lambda: "again in" in crawl.log, what="the writer to notice")
    crawl.kill(signal.SIGTERM)
    # The row cannot be written, so the exit code says no more than is known: not complete.
    assert crawl.wait(45) in {1, 5}, crawl.log
    own_server.start()
    slow_mock.control("faults", "DELETE")
    assert start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS).wait() == 0
    assert_exact(own_server.url, 8000)


def test_a_server_that_freezes_does_not_keep_a_signal_from_ending_the_run(
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    wait_for_pages(own_server.url, 4)
    with own_server.frozen():
        crawl.kill(signal.SIGTERM)
        assert crawl.wait(45) in {1, 5}, crawl.log
    slow_mock.control("faults", "DELETE")
    again = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(own_server.url, 8000)


def test_a_server_that_takes_no_writes_is_named_in_the_last_lines(
    slow_mock: MockApi, start_crawl: Callable[..., Crawl], own_server: OwnServer
) -> None:
    with connected(own_server.url) as connection:
        migrate(connection)
    own_server.become_standby()
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, **SETTINGS)
    assert crawl.wait() == 1, crawl.log
    last = crawl.log[crawl.log.index("ingestion not started") :]
    assert "the server takes no writes, as a standby does: name the primary in DATABASE_URL" in last
