"""``scrapy verify``, as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from tests.support.crawl import PROJECT, Crawl, clean_environment, scrapy
from tests.support.credentials import keep_wait
from tests.support.database import execute_outside, rows, value
from tests.support.mock import MockApi
from tests.support.waiting import eventually

SMALL_PAGES = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400", "WRITE_CONCURRENCY": "1"}


def verify(database_url: str, *arguments: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report."""
    done = scrapy("verify", "--json", *arguments, DATABASE_URL=database_url, **settings)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    return done.returncode, report


def problems(report: dict[str, Any]) -> list[str]:
    return [check["name"] for check in report["checks"] if not check["ok"]]


def check(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [check for check in report["checks"] if check["name"] == name]
    assert isinstance(found, dict)
    return found


def test_a_complete_crawl_holds_in_every_way_at_the_price_of_one_small_request(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000")
    assert start_crawl(mock.base_url, **SMALL_PAGES).wait() == 0
    before = mock.requests()
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report), report["ok"]) == (0, [], True)
    assert check(report, "api_total")["numbers"] == {
        "stored": 3000,
        "rejected": 0,
        "filtered": 0,
        "counted_twice": 0,
        "expected": 3000,
    }
    assert check(report, "ledger_lines")["numbers"]["pages"] == 15
    assert sum(entry["events"] for entry in report["by_day"]) == 3000
    counted = rows(database_url, "SELECT payload->>'type', count(*) FROM ingested_events GROUP BY 1")
    assert {entry["type"]: entry["events"] for entry in report["by_type"]} == dict(counted)
    asked = mock.control("stats")["requests"][before:]
    assert [request["events"] for request in asked] == [1]


def test_what_the_feed_has_gained_since_is_a_shortfall(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "1000")
    assert start_crawl(mock.base_url).wait() == 0
    mock.control("grow?by=7", "POST")
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report)) == (3, ["api_total"])
    assert "7 are missing" in check(report, "api_total")["text"]
    assert start_crawl(mock.base_url).wait() == 0
    assert verify(database_url, API_BASE_URL=mock.base_url)[0] == 0


def test_without_the_api_no_request_is_made(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "1000")
    assert start_crawl(mock.base_url).wait() == 0
    before = mock.requests()
    code, report = verify(database_url, "--no-api", API_BASE_URL=mock.base_url)
    assert (code, mock.requests()) == (0, before)
    assert "api_total" not in [check["name"] for check in report["checks"]]


def test_a_crawl_of_hostile_events_holds(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "1500")
    mock.control("faults", "POST", {"name": "malformed_events", "rate": 1, "density": 0.1})
    crawl = start_crawl(mock.base_url, REJECTED_MAX_PERCENT="100", **SMALL_PAGES)
    assert crawl.wait() == 0, crawl.log
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report)) == (0, [])
    assert check(report, "rejected_bytes")["numbers"]["letters"] > 50


@pytest.mark.parametrize("place", ["before_commit", "after_commit", "before_finish"])
def test_what_a_killed_crawl_left_behind_holds(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str, place: str
) -> None:
    mock = start_mock_api("--total", "3000")
    hits = 1 if place == "before_finish" else 3
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@{hits}=kill", **SMALL_PAGES)
    assert crashed.wait() == -signal.SIGKILL
    code, report = verify(database_url, "--no-api")
    assert (code, problems(report)) == (0, [])


def test_the_totals_hold_in_the_middle_of_a_crawl_that_is_about_to_commit(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "3000")
    crawl = start_crawl(mock.base_url, DATASYNC_FAILPOINT="before_commit@3=stop", **SMALL_PAGES)
    eventually(lambda: crawl.is_frozen, what="the freeze")
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report)) == (3, ["api_total"])
    committed = value(database_url, "SELECT count(*) FROM ingested_events")
    assert 0 < committed < 3000
    assert check(report, "stored_total")["numbers"] == {"rows": committed, "booked": committed}
    crawl.kill(signal.SIGCONT)
    assert crawl.wait() == 0, crawl.log
    assert verify(database_url, API_BASE_URL=mock.base_url)[0] == 0


def test_an_api_that_refuses_the_key_or_is_not_there_leaves_the_total_unproven(
    start_mock_api: Callable[..., MockApi], database_url: str
) -> None:
    mock = start_mock_api("--total", "10", "--api-key", "right")
    code, report = verify(database_url, API_BASE_URL=mock.base_url, DATASYNC_API_KEY="no-such-key")
    assert (code, problems(report)) == (1, ["api_total"])
    assert "check DATASYNC_API_KEY" in check(report, "api_total")["remedy"]
    assert "no-such-key" not in json.dumps(report)
    mock.close()
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report)) == (1, ["api_total"])


def test_the_api_is_not_asked_before_the_time_that_it_named(
    start_mock_api: Callable[..., MockApi], database_url: str
) -> None:
    mock = start_mock_api("--total", "10")
    keep_wait(database_url, "now() + INTERVAL '1 hour'")
    code, report = verify(database_url, API_BASE_URL=mock.base_url)
    assert (code, problems(report), mock.requests()) == (1, ["api_total"], 0)
    assert "asked us not to ask for another 3" in check(report, "api_total")["text"]


def test_a_problem_is_reported_with_its_numbers_and_a_remedy(database_url: str) -> None:
    execute_outside(database_url, "UPDATE ingestion_state SET total_ingested = 7")
    done = scrapy("verify", "--no-api", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "0 events are in the table, but total_ingested says 7" in done.stdout
    assert "-> 7 rows were deleted: set the totals right" in done.stdout
    assert "2 problems in 15 checks" in done.stdout


def test_types_are_shown_without_harm_to_the_terminal(database_url: str) -> None:
    hostile = r"""INSERT INTO ingested_events (event_id, payload) VALUES ('a', '{"type":"\u001b[2J\u202eevil"}')"""
    execute_outside(database_url, hostile)
    done = scrapy("verify", "--no-api", DATABASE_URL=database_url)
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert "\\x1b[2J\\u202eevil" in done.stdout


def test_a_signal_ends_a_long_look_at_once(database_url: str) -> None:
    holder = psycopg2.connect(database_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE ingested_events IN ACCESS EXCLUSIVE MODE")
        command = [sys.executable, "-m", "scrapy", "verify", "--no-api"]
        environment = clean_environment(DATABASE_URL=database_url)
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ingested_events'::regclass"
        eventually(lambda: value(database_url, waiting), what="the wait for the lock")
        process.terminate()
        assert process.wait(30) == 5
        eventually(lambda: not value(database_url, waiting), what="the end of the statement")
    finally:
        holder.close()


def test_a_stream_that_was_never_started_cannot_be_verified(database_url: str) -> None:
    done = scrapy("verify", "--no-api", DATABASE_URL=database_url, STREAM="never")
    assert done.returncode == 1
    assert "stream never has never been started" in done.stderr


def test_a_database_without_the_schema_is_reported_and_not_touched(empty_database_url: str) -> None:
    done = scrapy("verify", "--no-api", DATABASE_URL=empty_database_url)
    assert done.returncode == 1
    assert "scrapy migrate" in done.stderr
    assert value(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
