"""Feeds that a run may not call complete, and what it says and keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.truth import assert_exact, assert_totals_balance

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def test_a_feed_that_ends_short_of_its_total_is_incomplete_and_the_next_run_looks_for_the_rest(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "1000", "--claim-total", "1100")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="200")
    assert crawl.wait() == 3, crawl.log
    assert "ingestion complete" not in crawl.log
    assert "100 are missing" in crawl.log
    assert last_run(database_url) == ("incomplete", "short_read")
    before = mock.requests()
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="200").wait() == 3
    assert mock.requests() == before + 5


@pytest.mark.parametrize("name", ["repeated_cursor", "cursor_loop"])
def test_a_feed_that_leads_in_a_circle_fails_with_the_position_kept(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str, name: str
) -> None:
    mock = start_mock_api("--total", "5000")
    mock.control("faults", "POST", {"name": name, "requests": [4]})
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 1, crawl.log
    assert last_run(database_url) == ("failed", "cursor_repeated")
    mock.control("faults", "DELETE")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="500").wait() == 0
    assert_exact(database_url, 5000)


def test_a_run_that_rejected_too_much_on_its_last_page_can_be_gone_on_with(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "1000")
    mock.control("faults", "POST", {"name": "malformed_events", "requests": [2], "density": 0.2, "kinds": "no_id"})
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 1, crawl.log
    assert last_run(database_url) == ("failed", "rejected_too_many")
    again = start_crawl(mock.base_url, API_PAGE_LIMIT="500", REJECTED_MAX_PERCENT="50")
    assert again.wait() == 0, again.log
    assert last_run(database_url) == ("complete", "last_page")
    assert_totals_balance(database_url)


def test_a_refusal_ends_the_run_at_once_with_the_servers_own_words(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "100", "--api-key", "the-right-key-1234")
    crawl = start_crawl(mock.base_url, DATASYNC_API_KEY="the-wrong-key-9876")
    assert crawl.wait() == 1, crawl.log
    assert mock.requests() == 1
    assert last_run(database_url) == ("failed", "api_refused")
    assert "401" in crawl.log
    assert "the-wrong-key-9876" not in crawl.log
