"""``scrapy discover`` against the mock, and what the first run of a live crawl reports by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.mock import MockApi
from tests.support.rawserver import raw_server, response

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]
KEY = "a-secret-key-of-some-length"
FOUND = "the API as its first page shows it"


def test_one_request_for_five_events_shows_shape_fields_limits_and_samples(start_mock_api: StartMock) -> None:
    mock = start_mock_api("--total", "20000", "--rate-limit", "10", "--api-key", KEY)
    done = scrapy("discover", "--json", API_BASE_URL=mock.base_url, DATASYNC_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["url"] == f"{mock.base_url}/events?limit=5"
    assert report["shape"]["layout"] == "nested"
    assert report["shape"]["spelling"] == "camelCase"
    assert [use["name"] for use in report["event_id"]] == ["id"]
    assert [use["name"] for use in report["occurred_at"]] == ["timestamp"]
    assert report["cursor"]["field"] == "pagination.nextCursor"
    assert report["rate_limit"]["limit"] == 10
    assert report["page_cap"]["told_by"] == "pagination.limit"
    assert report["total"] == 20000
    assert len(report["samples"]) == 5
    assert {"event_id", "occurred_at", "payload"} <= report["samples"][0].keys()
    assert report["does_not_fit"] == []
    assert mock.requests() == 1


@pytest.mark.parametrize(
    ("shape", "layout", "spelling", "array"),
    [
        ("flat", "flat", "camelCase", "data"),
        ("snake", "flat", "snake_case", "data"),
        ("events", "flat", "camelCase", "events"),
    ],
)
def test_every_shape_that_the_crawl_reads_is_recognised(
    start_mock_api: StartMock, shape: str, layout: str, spelling: str, array: str
) -> None:
    mock = start_mock_api("--total", "100", "--shape", shape)
    found = json.loads(scrapy("discover", "--json", API_BASE_URL=mock.base_url).stdout)["shape"]
    assert (found["layout"], found["spelling"], found["array"]) == (layout, spelling, array)


def test_events_that_do_not_fit_are_shown_with_their_reasons(start_mock_api: StartMock) -> None:
    mock = start_mock_api("--total", "100", "--fault", "malformed_events=1.0,density=1.0,kinds=null+no_id")
    done = scrapy("discover", API_BASE_URL=mock.base_url)
    assert done.returncode == 0, done.stderr
    assert "cannot be stored as events" in done.stdout
    assert "not_an_object" in done.stdout


def test_the_key_is_masked_wherever_it_shows_up() -> None:
    body = json.dumps({"data": [{"id": KEY}], "hasMore": False, "echo": KEY}).encode()
    with raw_server(response(200, body, X_Api_Key=KEY, X_Echo=f"you are {KEY}")) as server:
        where = {"API_BASE_URL": f"{server.origin}/api/v1", "DATASYNC_API_KEY": KEY}
        for arguments in (["discover"], ["discover", "--json"], ["discover", "-L", "DEBUG"]):
            done = scrapy(*arguments, **where)
            assert done.returncode == 0, done.stderr
            assert KEY not in done.stdout + done.stderr
            assert "***" in done.stdout


@pytest.mark.parametrize(
    ("fault", "words"), [("unauthorized", "DATASYNC_API_KEY"), ("status_503", "not well"), ("html", "API_BASE_URL")]
)
def test_an_answer_that_is_no_page_ends_with_exit_code_1_and_a_remedy_after_one_request(
    start_mock_api: StartMock, fault: str, words: str
) -> None:
    mock = start_mock_api("--fault", f"{fault}=1.0")
    done = scrapy("discover", API_BASE_URL=mock.base_url)
    assert done.returncode == 1
    assert words in done.stdout
    assert mock.requests() == 1


@pytest.mark.parametrize("fault", ["reset", "truncated"])
def test_no_whole_answer_ends_with_exit_code_1_after_one_request(start_mock_api: StartMock, fault: str) -> None:
    mock = start_mock_api("--fault", f"{fault}=1.0")
    done = scrapy("discover", API_BASE_URL=mock.base_url)
    assert done.returncode == 1
    assert "no whole answer" in done.stderr
    assert mock.requests() == 1


def test_a_plan_counts_requests_and_warns_when_a_key_would_not_last(start_mock_api: StartMock) -> None:
    mock = start_mock_api("--total", "20000", "--rate-limit", "10", "--rate-headers", "ietf-structured")
    where = {"API_BASE_URL": mock.base_url}
    plan = json.loads(scrapy("discover", "--plan", "--json", **where).stdout)["plan"]
    assert (plan["requests"], plan["assumptions"]["window_seconds"], plan["warnings"]) == (4, 60, [])
    done = scrapy("discover", "--plan", "--events", "3000000", API_PAGE_LIMIT="100", **where)
    assert "30,000 requests" in done.stdout
    assert "a key would not last" in done.stdout


def test_without_a_total_a_plan_asks_for_one(start_mock_api: StartMock) -> None:
    mock = start_mock_api("--total", "100", "--shape", "flat")
    done = scrapy("discover", "--plan", API_BASE_URL=mock.base_url)
    assert done.returncode == 0
    assert "--events" in done.stdout


def live(base_url: str) -> dict[str, str]:
    return {"API_MODE": "live", "API_BASE_URL": base_url, "DATASYNC_API_KEY": KEY, "API_PAGE_LIMIT": "1000"}


def test_the_first_live_run_reports_what_it_found_without_a_request_more_and_later_runs_do_not(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "3000", "--api-key", KEY)
    settings = live(mock.base_url)
    base_url = settings.pop("API_BASE_URL")
    first = start_crawl(base_url, **settings)
    assert first.wait() == 0, first.log
    assert first.log.count(FOUND) == 1
    assert "id from id, time from timestamp" in first.log
    assert mock.requests() == 3
    again = start_crawl(base_url, **settings)
    assert again.wait() == 0, again.log
    assert FOUND not in again.log
    asked = start_crawl(base_url, LIVE_DISCOVERY_ON_RESUME="true", **settings)
    assert asked.wait() == 0, asked.log
    assert asked.log.count(FOUND) == 1


def test_a_run_that_resumes_does_not_look_again(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    mock = start_mock_api("--total", "3000", "--api-key", KEY)
    settings = live(mock.base_url)
    base_url = settings.pop("API_BASE_URL")
    mock.control("faults", "POST", {"name": "forbidden", "requests": [3]})
    first = start_crawl(base_url, **settings)
    assert first.wait() == 1, first.log
    assert first.log.count(FOUND) == 1
    resumed = start_crawl(base_url, **settings)
    assert resumed.wait() == 0, resumed.log
    assert FOUND not in resumed.log


def test_what_does_not_fit_is_a_warning_in_the_first_live_run(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "3000", "--max-limit", "500", "--api-key", KEY)
    settings = live(mock.base_url)
    crawl = start_crawl(settings.pop("API_BASE_URL"), **settings)
    assert crawl.wait() == 0, crawl.log
    assert "asked for 1000 events a page and got 500" in crawl.log


def test_a_crawl_of_the_mock_does_not_look(start_mock_api: StartMock, start_crawl: StartCrawl, tmp_path: Path) -> None:
    crawl = start_crawl(start_mock_api("--total", "100").base_url)
    assert crawl.wait() == 0, crawl.log
    assert FOUND not in crawl.log
