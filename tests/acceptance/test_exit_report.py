"""Whatever the end of a crawl: what happened, what is stored, what to do next, as its exit report."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.mock import MockApi
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def exit_report(crawl: Crawl) -> list[str]:
    """From the last line that begins at the margin with "ingestion" on."""
    lines = crawl.log.splitlines()
    start = max(number for number, line in enumerate(lines) if line.startswith("ingestion "))
    return lines[start:]


def test_a_complete_run_says_so_first_and_what_is_stored(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "700").base_url)
    assert crawl.wait() == 0
    headline, this_run, stored, following = exit_report(crawl)
    assert headline.startswith("ingestion complete: run 1 of stream events, a full pass in ")
    assert this_run == "  this run: 1 page, 700 events: 700 inserted, 0 duplicates, 0 rejected; 0 retries"
    assert stored == "  stored: 700 events; the API counts 700"
    assert following == "  next: nothing; a further run fetches only what is new"


def test_a_quiet_log_does_not_silence_them(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "700").base_url, LOG_LEVEL="ERROR")
    assert crawl.wait() == 0
    assert crawl.log.splitlines() == exit_report(crawl)


def test_an_incomplete_run_says_what_is_missing(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "700", "--claim-total", "800").base_url)
    assert crawl.wait() == 3
    headline, *_, following = exit_report(crawl)
    assert headline.startswith("ingestion incomplete: run 1")
    assert "100 are missing" in headline
    assert "the whole feed is read once more" in following


def test_a_stopped_run_says_that_its_position_is_stored(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    mock = start_mock_api("--total", "700", "--rate-limit", "1", "--rate-window-ms", "60000")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    eventually(lambda: "rate_window" in crawl.log, what="the wait")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(30) == 5
    headline, _, stored, following = exit_report(crawl)
    assert headline.startswith("ingestion stopped: run 1 of stream events by SIGTERM")
    assert stored == "  stored: 100 events; the API counts 700"
    assert "from the stored position" in following


def test_a_refused_key_is_failed_in_the_servers_words_and_not_with_the_key(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "10", "--api-key", "the-right-key-1234")
    crawl = start_crawl(mock.base_url, DATASYNC_API_KEY="the-wrong-key-9876")
    assert crawl.wait() == 1
    headline, *_, following = exit_report(crawl)
    assert headline.startswith("ingestion failed: run 1")
    assert "api_refused" in headline
    assert "DATASYNC_API_KEY" in following
    assert "the-wrong-key-9876" not in crawl.log


def test_a_second_crawl_of_the_stream_says_that_it_has_changed_nothing(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700", "--rate-limit", "1", "--rate-window-ms", "60000")
    first = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    eventually(lambda: "rate_window" in first.log, what="the wait")
    second = start_crawl(mock.base_url)
    assert second.wait() == 4
    assert exit_report(second)[0] == "ingestion not started: another run of stream events is active"
    assert "scrapy status" in exit_report(second)[-1]


def test_a_bad_configuration_says_what_to_correct(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "1").base_url, API_PAGE_LIMIT="many")
    assert crawl.wait() == 2
    assert exit_report(crawl)[0].startswith("ingestion not started: the configuration is refused")
    assert "docs/reference/settings.md" in exit_report(crawl)[-1]


def test_a_database_that_cannot_be_reached_is_reported_with_its_remedy(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    crawl = start_crawl(start_mock_api("--total", "1").base_url, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert crawl.wait() == 1
    assert exit_report(crawl)[0].startswith("ingestion not started: ")
    assert "check that PostgreSQL runs" in exit_report(crawl)[-1]


def test_a_spider_argument_that_does_not_exist_is_refused_before_any_request(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "1")
    crawl = start_crawl(mock.base_url, "-a", "pages=5")
    assert crawl.wait() == 2
    assert exit_report(crawl)[0].startswith("ingestion not started: unknown spider argument -a pages: ")
    assert "settings are given with -s" in exit_report(crawl)[0]
    assert exit_report(crawl)[-1].startswith("  next: correct the command")
    assert "Traceback" not in crawl.log
    assert mock.requests() == 0


def test_a_log_file_gets_them_too_and_so_does_the_terminal(
    start_mock_api: StartMock, start_crawl: StartCrawl, tmp_path: Path
) -> None:
    log_file = tmp_path / "kept.log"
    crawl = start_crawl(start_mock_api("--total", "700").base_url, "--logfile", str(log_file))
    assert crawl.wait() == 0
    assert exit_report(crawl)[0].startswith("ingestion complete: ")
    assert "ingestion complete: " in log_file.read_text()


def test_for_programs_every_line_is_an_object_with_run_and_stream_and_the_last_is_the_end(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "2000")
    mock.control("faults", "POST", {"name": "status_503", "requests": [2]})
    settings = {"API_PAGE_LIMIT": "500", "API_RETRY_BASE_MS": "10", "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG"}
    crawl = start_crawl(mock.base_url, **settings)
    assert crawl.wait() == 0, crawl.log
    lines: list[dict[str, Any]] = [json.loads(line) for line in crawl.log.splitlines()]
    run_id = value(database_url, "SELECT run_id FROM ingestion_runs")

    opened = next(number for number, line in enumerate(lines) if "starts at the head" in line["message"])
    assert all((line["run_id"], line["stream"]) == (run_id, "events") for line in lines[opened:])
    fetched = [line for line in lines if re.match(r"page \d+: \d+ events in ", line["message"])]
    stored = value(database_url, "SELECT json_agg(request_id ORDER BY page_number) FROM ingestion_pages")
    assert [line["request_id"] for line in fetched] == stored
    [retried] = [line for line in lines if "attempt 1 failed" in line["message"]]
    assert (retried["page_number"], retried["level"]) == (2, "WARNING")
    progress = [line for line in lines if line["message"].startswith("progress: ")][-1]
    assert (progress["stored"], progress["expected_total"], progress["retries"]) == (2_000, 2_000, 1)
    end = lines[-1]
    assert end["message"].startswith("ingestion complete: ")
    assert (end["exit_code"], end["status"], end["stored"], end["inserted"]) == (0, "complete", 2_000, 2_000)
    assert end["summary"]["next"].startswith("nothing")


@pytest.mark.parametrize("settings", [{"METRICS_PORT": "1"}, {"DATABASE_URL": "postgresql://n@127.0.0.1:1/n"}], ids=str)
def test_for_programs_an_end_before_the_beginning_is_an_object_as_well(
    start_mock_api: StartMock, start_crawl: StartCrawl, settings: dict[str, str]
) -> None:
    # Port 1 is free for root alone, so an address that is not ours makes sure that it cannot be had.
    others = {"METRICS_HOST": "192.0.2.1", "LOG_FORMAT": "json"}
    crawl = start_crawl(start_mock_api("--total", "1").base_url, **settings, **others)
    assert crawl.wait() in {1, 2}
    end = json.loads(crawl.log.splitlines()[-1])
    assert end["message"].startswith("ingestion not started: ")
    assert end["exit_code"] == crawl.process.returncode
