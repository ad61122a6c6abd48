"""Item pipelines of a user's own, before ours: they may filter, drop, be slow or broken; totals still balance."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.mock import MockApi, ground_truth
from tests.support.truth import assert_exact, assert_totals_balance

OURS = "datasync_spider.pipelines.postgres.PostgresPipeline"


def with_pipeline(name: str) -> tuple[str, str]:
    return "-s", f"ITEM_PIPELINES={json.dumps({f'tests.support.userpipelines.{name}': 100, OURS: 900})}"


def test_what_a_pipeline_leaves_out_is_counted_as_filtered_and_the_run_is_complete(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    clicks = sum(event["type"] == "click" for event in ground_truth("--total", "2000"))
    crawl = start_crawl(start_mock_api("--total", "2000").base_url, *with_pipeline("KeepClicks"), API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM ingested_events") == clicks
    assert value(database_url, "SELECT total_filtered FROM ingestion_state WHERE id = 1") == 2000 - clicks


def test_a_dropped_page_moves_the_position_on(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    crawl = start_crawl(mock.base_url, *with_pipeline("DropSecondPage"), API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert rows(database_url, "SELECT inserted, filtered FROM ingestion_pages ORDER BY page_number") == [
        (500, 0),
        (0, 500),
        (500, 0),
        (500, 0),
    ]
    assert "'item_scraped_count': 3" in crawl.log
    assert "'item_dropped_count': 1" in crawl.log


def test_a_pipeline_that_fails_ends_the_run_as_failed_and_the_page_is_fetched_again(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    crawl = start_crawl(mock.base_url, *with_pipeline("FailOnThirdPage"), API_PAGE_LIMIT="250", WRITE_BATCH_SIZE="1")
    assert crawl.wait() == 1, crawl.log
    assert "ingestion complete" not in crawl.log
    assert rows(database_url, "SELECT status, reason FROM ingestion_runs") == [("failed", "page_lost")]
    assert value(database_url, "SELECT coalesce(max(page_number), 0) FROM ingestion_pages") <= 2
    assert start_crawl(mock.base_url).wait() == 0
    assert_exact(database_url, 2000)


def test_a_pipeline_that_does_not_hand_a_page_on_ends_the_run_and_the_page_is_fetched_again(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    crawl = start_crawl(mock.base_url, *with_pipeline("LoseThirdPage"), API_PAGE_LIMIT="250", WRITE_BATCH_SIZE="1")
    assert crawl.wait() == 1, crawl.log
    reported = "an item pipeline has put an object of type NoneType in place of page 3"
    assert rows(database_url, "SELECT status, reason, detail FROM ingestion_runs") == [
        ("failed", "page_lost", reported)
    ]
    assert value(database_url, "SELECT coalesce(max(page_number), 0) FROM ingestion_pages") <= 2
    assert start_crawl(mock.base_url).wait() == 0
    assert_exact(database_url, 2000)


def test_ids_that_a_pipeline_has_spoiled_are_rejected_and_the_run_goes_on(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    settings = {"API_PAGE_LIMIT": "500", "REJECTED_MAX_PERCENT": "100"}
    crawl = start_crawl(mock.base_url, *with_pipeline("SpoilIds"), **settings)
    assert crawl.wait() == 0, crawl.log
    reasons = "SELECT reason, count(*) FROM rejected_events GROUP BY reason ORDER BY reason"
    # Of each page 167, which begin anew with the first way.
    assert rows(database_url, reasons) == [
        ("id_empty", 4 * 34),
        ("id_nul", 4 * 34),
        ("id_too_long", 4 * 33),
        ("id_wrong_type", 4 * 33),
        ("lone_surrogate", 4 * 33),
    ]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 2000 - 4 * 167
    assert_totals_balance(database_url)
    # What the pipeline has spoiled is not lost: the payloads are there.
    assert scrapy("replay", DATABASE_URL=database_url).returncode == 0
    assert_exact(database_url, 2000)


def test_a_pipeline_that_puts_something_else_among_the_events_ends_the_run_with_a_word_about_it(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    crawl = start_crawl(mock.base_url, *with_pipeline("PutDictionaries"), API_PAGE_LIMIT="250", WRITE_BATCH_SIZE="1")
    assert crawl.wait() == 1, crawl.log
    reported = "on page 3 an item pipeline has put an object of type dict in place of an Event"
    assert rows(database_url, "SELECT status, reason, detail FROM ingestion_runs") == [
        ("failed", "page_lost", reported)
    ]
    assert reported in crawl.log
    assert "Traceback" not in crawl.log
    assert start_crawl(mock.base_url).wait() == 0
    assert_exact(database_url, 2000)


def test_pages_that_overtake_each_other_are_committed_in_the_feeds_order(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    # One writer: committed_at is when a transaction began, and two may begin side by side.
    settings = {"API_PAGE_LIMIT": "250", "WRITE_BATCH_SIZE": "1", "WRITE_CONCURRENCY": "1"}
    crawl = start_crawl(mock.base_url, *with_pipeline("HoldFirstPage"), **settings)
    assert crawl.wait() == 0, crawl.log
    committed = rows(database_url, "SELECT page_number FROM ingestion_pages ORDER BY committed_at, page_number")
    assert committed == [(number,) for number in range(1, 9)]
    assert_exact(database_url, 2000)
