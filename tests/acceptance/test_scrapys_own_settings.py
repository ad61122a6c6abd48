"""What users of Scrapy know goes on working: its settings, its components, its way of closing a crawl."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from datasync_spider import settings
from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.truth import assert_exact
from tests.support.waiting import eventually


def test_a_crawl_that_scrapy_closes_after_some_pages_keeps_all_that_it_fetched(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    crawl = start_crawl(mock.base_url, "-s", "CLOSESPIDER_PAGECOUNT=3", API_PAGE_LIMIT="250")
    assert crawl.wait() == 1, crawl.log
    fetched = mock.requests()
    assert 3 <= fetched <= 4
    assert value(database_url, "SELECT count(*) FROM ingestion_pages") == fetched
    assert rows(database_url, "SELECT status, reason FROM ingestion_runs") == [("failed", "ended_early")]
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="250").wait() == 0
    assert mock.requests() == 8
    assert_exact(database_url, 2000)


def test_a_page_that_is_nearly_here_when_a_signal_comes_is_kept(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    mock.control("faults", "POST", [{"name": "slow", "requests": [2], "delay_ms": 1000}])
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    eventually(lambda: mock.requests() == 2, what="a second request under way")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait() == 5, crawl.log
    assert mock.requests() == 2
    assert value(database_url, "SELECT count(*) FROM ingestion_pages") == 2


def test_a_delay_between_requests_is_kept(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    spacing = ("-s", "DOWNLOAD_DELAY=0.4", "-s", "RANDOMIZE_DOWNLOAD_DELAY=0")
    crawl = start_crawl(mock.base_url, *spacing, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 2000)
    seconds = value(database_url, "SELECT EXTRACT(EPOCH FROM max(fetched_at) - min(fetched_at)) FROM ingestion_pages")
    # Three delays lie between the four requests; the first answer may take longer than the last.
    assert seconds > 0.8


def test_downloader_middlewares_of_others_see_every_request_and_response_in_their_place(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    middlewares = {**settings.DOWNLOADER_MIDDLEWARES, "tests.support.usermiddlewares.CountAndMark": 600}
    arguments = ("-s", f"DOWNLOADER_MIDDLEWARES={json.dumps(middlewares)}")
    crawl = start_crawl(mock.base_url, *arguments, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 2000)
    assert "'user/requests': 4" in crawl.log
    assert "'user/responses': 4" in crawl.log
    assert "'response_received_count': 4" in crawl.log
    assert "'item_scraped_count': 4" in crawl.log


def test_an_error_that_a_middleware_of_others_raises_ends_the_run_with_its_name(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    middlewares = {**settings.DOWNLOADER_MIDDLEWARES, "tests.support.usermiddlewares.RefuseThird": 600}
    arguments = ("-s", f"DOWNLOADER_MIDDLEWARES={json.dumps(middlewares)}")
    crawl = start_crawl(mock.base_url, *arguments, API_PAGE_LIMIT="500")
    assert crawl.wait() == 1, crawl.log
    (status, detail), *_ = rows(database_url, "SELECT status, detail FROM ingestion_runs")
    assert status == "failed"
    assert "not this one" in detail
    assert value(database_url, "SELECT count(*) FROM ingestion_pages") == 2


def test_a_download_handler_of_others_that_is_made_at_once_is_made_once_and_closed(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "500")
    handlers = {**settings.DOWNLOAD_HANDLERS, "made-at-once": "tests.support.userhandlers.MadeAtOnce"}
    crawl = start_crawl(mock.base_url, "-s", f"DOWNLOAD_HANDLERS={json.dumps(handlers)}", API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 500)
    assert crawl.log.count("a handler was made") == 1
    assert crawl.log.count("a handler was closed") == 1


def test_a_folder_for_jobs_is_not_used_since_the_database_keeps_the_position(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    mock = start_mock_api("--total", "2000")
    # Scrapy would store the request that is never sent there, and send it beside the first one of the next crawl.
    jobs = ("-s", f"JOBDIR={tmp_path / 'jobs'}")
    crawl = start_crawl(mock.base_url, *jobs, "-s", "CLOSESPIDER_PAGECOUNT=1", API_PAGE_LIMIT="250")
    assert crawl.wait() == 1, crawl.log
    assert "JOBDIR is not used" in crawl.log
    assert not (tmp_path / "jobs").exists()
    assert start_crawl(mock.base_url, *jobs, API_PAGE_LIMIT="250").wait() == 0
    assert mock.requests() == 8
    assert_exact(database_url, 2000)
