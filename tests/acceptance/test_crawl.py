"""The crawl as its user sees it: a process, an exit code, and what is in the database afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.truth import assert_exact, assert_totals_balance

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def test_every_event_is_stored_exactly_and_the_run_says_complete(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    crawl = start_crawl(mock.base_url)
    assert crawl.wait() == 0, crawl.log
    assert "ingestion complete" in crawl.log
    assert last_run(database_url) == ("complete", "last_page")
    assert_exact(database_url, 20000)


@pytest.mark.parametrize("shape", ["flat", "snake", "events"])
def test_other_shapes_of_the_feed_are_read_as_well(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str, shape: str
) -> None:
    mock = start_mock_api("--total", "3000", "--shape", shape)
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 3000)


def test_an_empty_feed_is_complete(start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str) -> None:
    crawl = start_crawl(start_mock_api("--total", "0").base_url)
    assert crawl.wait() == 0, crawl.log
    assert last_run(database_url)[0] == "complete"


def test_the_next_run_costs_one_request_where_nothing_is_new(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="1000").wait() == 0
    before = mock.requests()
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    assert mock.requests() == before + 1
    assert last_run(database_url) == ("complete", "reached_known")
    assert_exact(database_url, 5000)


def test_an_incremental_run_fetches_what_is_new_and_stops_at_known_ground(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="500").wait() == 0
    mock.control("grow?by=1200", "POST")
    before = mock.requests()
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert mock.requests() == before + 4
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 6200
    assert_totals_balance(database_url)


def test_the_key_opens_the_api_and_is_never_logged(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "100", "--api-key", "the-right-key-1234")
    crawl = start_crawl(mock.base_url, "-L", "DEBUG", DATASYNC_API_KEY="the-right-key-1234")
    assert crawl.wait() == 0, crawl.log
    assert "the-right-key-1234" not in crawl.log


def test_a_feed_export_holds_one_event_a_line(
    start_mock_api: StartMock, start_crawl: StartCrawl, tmp_path: Path, database_url: str
) -> None:
    mock = start_mock_api("--total", "1500")
    export = tmp_path / "events.jsonl"
    crawl = start_crawl(mock.base_url, "-O", str(export), API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    stored = dict(rows(database_url, "SELECT event_id, payload::text FROM ingested_events"))
    assert {line["event_id"]: line["payload"] for line in lines} == {
        event_id: json.loads(payload) for event_id, payload in stored.items()
    }


def test_a_bad_setting_ends_with_exit_code_2_before_any_request(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "100")
    crawl = start_crawl(mock.base_url, "-s", "API_PAGE_LIMIT=many")
    assert crawl.wait() == 2
    assert "API_PAGE_LIMIT" in crawl.log
    assert "many" in crawl.log
    assert "Traceback" not in crawl.log
    assert mock.requests() == 0


def test_live_mode_without_a_key_ends_with_exit_code_2(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "1").base_url, API_MODE="LIVE")
    assert crawl.wait() == 2
    assert "DATASYNC_API_KEY" in crawl.log
