"""What `scrapy status` reports of a stream, to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.mock import MockApi
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def test_status_says_the_same_to_people_and_programs(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700")
    assert scrapy("status", "--expect", "complete", DATABASE_URL=database_url).returncode == 1
    assert start_crawl(mock.base_url).wait() == 0
    reported = scrapy("status", "--json", "--expect", "complete", DATABASE_URL=database_url)
    assert reported.returncode == 0, reported.stderr
    report = json.loads(reported.stdout)
    assert (report["stream"], report["total_ingested"], report["exit_code"]) == ("events", 700, 0)
    assert report["run"]["status"] == "complete"
    assert "700" in scrapy("status", DATABASE_URL=database_url).stdout


def test_status_says_what_the_last_run_did_and_the_runs_before_it(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700")
    assert start_crawl(mock.base_url).wait() == 0
    assert start_crawl(mock.base_url).wait() == 0
    report = json.loads(scrapy("status", "--json", DATABASE_URL=database_url).stdout)
    assert report["activity"]["state"] == "complete"
    assert (report["run"]["id"], report["run"]["inserted"]) == (2, 0)
    assert [(run["id"], run["reason"], run["inserted"]) for run in report["earlier_runs"]] == [(1, "last_page", 700)]
    lines = scrapy("status", DATABASE_URL=database_url).stdout.splitlines()
    at = lines.index("before it:")
    assert f"  {report['activity']['words']}" in lines[:at]
    assert lines[at - 3 : at - 1] == ["  1 page, 700 events", "  0 inserted, 700 duplicates, 0 rejected"]
    assert lines[at + 1].startswith("  run 1: complete, last_page; ")
    assert lines[at + 1].endswith(", 700 inserted of 700 events")


def test_status_says_in_words_that_a_stream_was_never_started(database_url: str) -> None:
    for stream in ("events", "other"):
        reported = scrapy("status", DATABASE_URL=database_url, STREAM=stream)
        lines = [
            f"stream {stream}: 0 stored, 0 rejected",
            "pass 0 (full) is new",
            "no run yet: the first crawl begins it",
        ]
        assert (reported.returncode, reported.stdout.splitlines()) == (0, lines)


def test_status_says_in_words_what_a_crawl_waits_for(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700", "--rate-limit", "1", "--rate-window-ms", "60000")
    start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    wait = "run 1 is running, waiting\n  The API wants no request for another "
    eventually(lambda: wait in scrapy("status", DATABASE_URL=database_url).stdout, what="the wait in the report")
