"""What Prometheus, and a health check, see of a running crawl."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.endpoint import Endpoint
from tests.support.mock import MockApi
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


@pytest.fixture
def waiting_crawl(start_mock_api: StartMock, start_crawl: StartCrawl) -> Crawl:
    """A crawl that has fetched three pages and waits a minute for the rate window."""
    mock = start_mock_api("--total", "20000", "--rate-limit", "3", "--rate-window-ms", "60000")
    mock.control("faults", "POST", {"name": "status_503", "requests": [2]})
    return start_crawl(mock.base_url, METRICS_PORT="0", API_PAGE_LIMIT="500", API_RETRY_BASE_MS="10")


def test_the_metrics_of_a_running_crawl_are_those_of_the_database(waiting_crawl: Crawl, database_url: str) -> None:
    endpoint = Endpoint(waiting_crawl)
    eventually(lambda: endpoint.metrics().get(("datasync_activity", "waiting")) == 1, what="the rate window")
    eventually(lambda: endpoint.metrics()["datasync_pages_committed_total",] == 2, what="the commit before the wait")
    metrics = endpoint.metrics()

    stored = value(database_url, "SELECT count(*) FROM ingested_events")
    assert metrics["datasync_stored_events",] == metrics["datasync_events_total", "inserted"] == stored == 1_000
    assert metrics["datasync_expected_events",] == 20_000
    assert metrics["datasync_retries_total", "status_503"] == 1
    assert metrics["datasync_request_duration_seconds_count",] == 3
    batches = value(database_url, "SELECT count(DISTINCT batch_number) FROM ingestion_pages")
    assert metrics["datasync_write_duration_seconds_count",] == metrics["datasync_batches_committed_total",] == batches
    assert (metrics["datasync_rate_limit_requests",], metrics["datasync_rate_limit_remaining_requests",]) == (3, 0)
    assert metrics["datasync_wait_seconds_total", "rate_window"] > 0
    assert metrics["datasync_stalled",] == 0
    [(newest,)] = rows(database_url, "SELECT extract(epoch FROM newest_occurred_at)::float8 FROM ingestion_state")
    assert metrics["datasync_newest_event_timestamp_seconds",] == pytest.approx(newest)
    [(run_id,)] = rows(database_url, "SELECT run_id::text FROM ingestion_runs")
    assert any(key[:4] == ("datasync_run_info", "full", run_id, "events") for key in metrics)


def test_a_crawl_that_waits_for_the_rate_window_is_ready_and_says_why(waiting_crawl: Crawl) -> None:
    endpoint = Endpoint(waiting_crawl)
    eventually(lambda: "rate window" in endpoint.readiness()[1]["state"], what="the wait")
    status, report = endpoint.readiness()
    assert (status, report["status"], report["stream"]) == (200, "waiting", "events")
    waiting_crawl.kill(signal.SIGTERM)
    assert waiting_crawl.wait(30) == 5


def test_an_expired_cursor_is_counted_as_a_chain_begun_anew(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    mock = start_mock_api("--total", "5000", "--rate-limit", "5", "--rate-window-ms", "60000")
    mock.control("faults", "POST", {"name": "expired_cursor", "requests": [3]})
    endpoint = Endpoint(start_crawl(mock.base_url, METRICS_PORT="0", API_PAGE_LIMIT="500"))
    eventually(lambda: endpoint.metrics()["datasync_walk_restarts_total",] == 1, what="the new chain")


def test_only_readers_who_name_this_machine_are_answered(waiting_crawl: Crawl) -> None:
    endpoint = Endpoint(waiting_crawl)
    assert endpoint.ask("/healthz") == (200, b'{"status": "alive"}\n')
    assert endpoint.ask("/metrics", "HEAD") == (200, b"")
    assert endpoint.ask("/metrics", "POST")[0] == 405
    assert endpoint.ask("/metrics", Host="evil.example")[0] == 421
    assert endpoint.ask("/elsewhere")[0] == 404
    assert "GET /metrics" not in waiting_crawl.log


def test_every_name_is_answered_where_the_address_is_no_loopback(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "2000", "--rate-limit", "1", "--rate-window-ms", "60000")
    crawl = start_crawl(mock.base_url, METRICS_PORT="0", METRICS_HOST="0.0.0.0", API_PAGE_LIMIT="500")
    assert Endpoint(crawl).ask("/healthz", Host="prometheus.example")[0] == 200


def test_a_port_in_use_is_a_wrong_setting_and_found_before_any_request(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "100")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        crawl = start_crawl(mock.base_url, METRICS_PORT=str(port))
        assert crawl.wait() == 2, crawl.log
    assert f"METRICS_PORT is {port}" in crawl.log
    assert "Address already in use" in crawl.log
    assert "Traceback" not in crawl.log
    assert mock.requests() == 0
    assert value(database_url, "SELECT count(*) FROM ingestion_runs") == 0


def test_without_a_port_nothing_listens(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "100").base_url)
    assert crawl.wait() == 0, crawl.log
    assert "metrics are at" not in crawl.log
