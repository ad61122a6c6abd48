"""``scrapy rejected``, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from tests.support.crawl import PROJECT, Crawl, clean_environment, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.mock import MockApi


def test_a_crawl_of_hostile_events_can_be_looked_at_without_harm(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "800")
    mock.control("faults", "POST", {"name": "malformed_events", "rate": 1, "density": 0.1})
    crawl = start_crawl(mock.base_url, REJECTED_MAX_PERCENT="100")
    assert crawl.wait() == 0, crawl.log
    done = scrapy("rejected", "--limit", "1000", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert all(line.isprintable() for line in done.stdout.splitlines())
    report = json.loads(scrapy("rejected", "--limit", "1000", "--json", DATABASE_URL=database_url).stdout)
    counted = dict(rows(database_url, "SELECT reason, count(*) FROM rejected_events GROUP BY reason"))
    assert {group["reason"]: group["events"] for group in report["groups"]} == counted
    assert len(report["events"]) == report["open"] == sum(counted.values())
    for reason in counted:
        assert reason in done.stdout


def test_events_are_chosen_by_reason_and_run_and_their_number_is_limited(database_url: str) -> None:
    leave_dead_letters(database_url, [("no_id", b"{}"), ("no_id", b'{"a":1}'), ("id_empty", b'{"id":""}')])
    report = json.loads(
        scrapy(
            "rejected", "--reason", "no_id", "--run", "1", "--limit", "1", "--json", DATABASE_URL=database_url
        ).stdout
    )
    assert [event["text"] for event in report["events"]] == ['{"a":1}']
    assert [(group["reason"], group["events"]) for group in report["groups"]] == [("no_id", 2)]
    no_one = scrapy("rejected", "--run", "99", DATABASE_URL=database_url)
    assert (no_one.returncode, no_one.stdout) == (0, "stream events, run 99: 0 rejected events\n")


def test_the_exact_bytes_of_one_event_and_nothing_else_are_written(database_url: str) -> None:
    raw = b'{"a":"\xff\x00\x1b[31m\r\n' + bytes(range(256)) * 100
    leave_dead_letters(database_url, [raw])
    number = value(database_url, "SELECT rejected_id FROM rejected_events")
    command = [sys.executable, "-m", "scrapy", "rejected", "--raw", str(number)]
    environment = clean_environment(DATABASE_URL=database_url)
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, raw)


def test_bytes_that_no_one_keeps_are_an_error(database_url: str) -> None:
    done = scrapy("rejected", "--raw", "17", DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "stream events has no rejected event 17" in done.stderr


def test_resolved_events_are_listed_only_where_all_are_wanted(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b"{}"])
    execute_outside(database_url, "UPDATE rejected_events SET replayed_at = now() WHERE position = 0")
    some = json.loads(scrapy("rejected", "--json", DATABASE_URL=database_url).stdout)
    assert ([event["text"] for event in some["events"]], some["replayed"]) == (["{}"], 1)
    every = json.loads(scrapy("rejected", "--all", "--json", DATABASE_URL=database_url).stdout)
    assert [event["replayed_at"] is None for event in every["events"]] == [True, False]


def test_a_database_without_the_schema_is_reported_and_not_touched(empty_database_url: str) -> None:
    done = scrapy("rejected", DATABASE_URL=empty_database_url)
    assert done.returncode == 1
    assert "scrapy migrate" in done.stderr
    assert value(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
