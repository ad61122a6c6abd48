"""A run that nothing moves ends by itself; one that waits for a good reason does not."""

from __future__ import annotations

import re
from collections.abc import Callable

import psutil

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.endpoint import Endpoint
from tests.support.mock import MockApi
from tests.support.postgres import OwnServer
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]
SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400", "METRICS_PORT": "0"}


def has_committed(url: str) -> bool:
    return bool(value(url, "SELECT count(*) FROM pg_class WHERE relname = 'ingestion_pages'")) and bool(
        value(url, "SELECT count(*) FROM ingestion_pages")
    )


def test_a_database_that_hangs_ends_the_run_as_stalled_and_the_next_one_goes_on(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, STALL_TIMEOUT_MS="2000", **SETTINGS)
    eventually(lambda: has_committed(database_url), what="a commit")
    writers = [
        psutil.Process(pid)
        for (pid,) in rows(
            database_url,
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^datasync'",
        )
    ]
    for process in writers:
        process.suspend()
    try:
        endpoint = Endpoint(crawl)
        eventually(lambda: _is_stalled(endpoint, crawl), what="the stall")
        assert crawl.wait(40) == 1, crawl.log
    finally:
        for process in writers:
            if process.is_running():
                process.resume()
    assert "ingestion complete" not in crawl.log
    assert "stalled" in crawl.log
    slow_mock.control("faults", "DELETE")
    assert start_crawl(slow_mock.base_url, **SETTINGS).wait() == 0
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 8_000


def _is_stalled(endpoint: Endpoint, crawl: Crawl) -> bool:
    """Reported by the health check, unless the run has ended before anyone could look."""
    if crawl.process.poll() is not None:
        return True
    try:
        status, report = endpoint.readiness()
    except OSError:
        return False
    assert (status == 503) == (report["status"] == "stalled")
    return status == 503


def test_a_rate_window_longer_than_the_stall_timeout_is_no_stall(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "600", "--rate-limit", "1", "--rate-window-ms", "8000")
    crawl = start_crawl(mock.base_url, STALL_TIMEOUT_MS="3000", API_PAGE_LIMIT="300")
    assert crawl.wait() == 0, crawl.log


def test_a_database_that_is_away_and_tried_again_is_waited_for_and_reported(
    slow_mock: MockApi, start_crawl: StartCrawl, own_server: OwnServer
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=own_server.url, STALL_TIMEOUT_MS="2000", **SETTINGS)
    endpoint = Endpoint(crawl)
    eventually(lambda: has_committed(own_server.url), what="a commit")
    own_server.lose_power()
    eventually(lambda: _is_away_for_long(endpoint), what="an outage that outlasts the stall timeout")
    own_server.start()
    assert crawl.wait() == 0, crawl.log
    assert value(own_server.url, "SELECT count(*) FROM ingested_events") == 8_000


def _is_away_for_long(endpoint: Endpoint) -> bool:
    status, report = endpoint.readiness()
    words = report["state"]
    assert status == 200
    away = re.match(r"PostgreSQL away for (\d+) s", words)
    return away is not None and int(away[1]) >= 3
