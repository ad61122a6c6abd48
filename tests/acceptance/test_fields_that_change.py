"""An API whose fields appear, vanish and change their type in mid-life, read by real crawls, some of them killed."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.collection import PAGE_SIZE, TABLE, item, park, serving_collection
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value

# So many of these pages are learned: 50 records.
LEARNED = 17
BEFORE = 20 * PAGE_SIZE
CHANGES = {
    ("amount", "changed_type", "bigint", "text"),
    ("coupon", "appeared", "", "text or null"),
    ("region", "vanished", "text", ""),
    ("user.mail", "appeared", "", "text"),
    ("user.name", "vanished", "text", ""),
}
DRIFT = "SELECT path, change, was, now FROM ingestion_field_drift"


def record(number: int) -> dict[str, Any]:
    """From the 61st one on, with the 21st page, it has other fields. Some are rare, or null, before and after."""
    rare = {"note": "rare"} if number % 29 == 0 else {}
    closed = {"closed": None if number % 2 else "2026-01-01T00:00:00Z"}
    if number < BEFORE:
        return item(f"i{number:03}", number, **rare, **closed, amount=5, region="eu", user={"name": "x"})
    new = {"user": {"mail": "x"}, "coupon": None if number % 5 == 1 else "c", "amount": "5"}
    return item(f"i{number:03}", number, **new, **closed, **rare)


EVERYTHING = [record(number) for number in range(BEFORE + 15 * PAGE_SIZE)]


def drift(url: str) -> set[tuple[Any, ...]]:
    found = rows(url, DRIFT)
    assert len(found) == len(set(found))
    return set(found)


def test_changes_are_reported_once_wherever_they_are_looked_for(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("oldest-first", EVERYTHING) as collection:
        settings = park(tmp_path, collection, '{ type = "none" }')
        crawl = start_crawl("", spider="park.items", **settings)
        assert crawl.wait() == 0, crawl.log
        assert drift(database_url) == CHANGES
        # Of three records a page: what all have is found with the third one, what none has any more with the tenth.
        pages = dict(rows(database_url, "SELECT path, page_number FROM ingestion_field_drift"))
        assert {path: page <= 23 for path, page in pages.items() if path in {"amount", "coupon", "user.mail"}} == (
            {"amount": True, "coupon": True, "user.mail": True}
        )
        assert 30 <= pages["region"] == pages["user.name"] <= 34

        assert "5 fields changed" in crawl.log
        (line,) = re.findall(r"^  fields: (.*)$", crawl.log, re.MULTILINE)
        assert "amount changed its type (bigint, now also text)" in line
        assert "region vanished (it was text)" in line
        assert "a field is not as it was: coupon appeared (" in crawl.log
        asked = {**settings, "STREAM": "park.items", "DATABASE_URL": database_url}
        status = json.loads(scrapy("status", "--json", **asked).stdout)
        assert (status["drifted"], status["run"]["drifted"], len(status["newest_drift"])) == (5, 5, 5)
        assert "\nfields: " in scrapy("status", **asked).stdout

        # A second sync reads all of it again, and reports nothing again.
        again = start_crawl("", spider="park.items", **settings)
        assert again.wait() == 0, again.log
        assert "changed" not in again.log
    assert drift(database_url) == CHANGES
    accepted = scrapy("streams", "accept", "park.items", **asked)
    assert accepted.stdout == "stream park.items: changes of fields that are accepted by this: 5\n"
    assert json.loads(scrapy("status", "--json", **asked).stdout)["drifted"] == 0
    assert "fields" not in scrapy("status", **asked).stdout
    assert drift(database_url) == CHANGES


@pytest.mark.parametrize("failpoint", ["before_commit@22=kill", "after_commit@22=kill", "after_commit@32=kill"])
def test_a_run_that_is_killed_with_the_page_that_shows_it_reports_it_once(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path, failpoint: str
) -> None:
    with serving_collection("oldest-first", EVERYTHING) as collection:
        settings = park(tmp_path, collection, '{ type = "none" }')
        killed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT=failpoint)
        assert killed.wait() == -signal.SIGKILL, killed.log
        resumed = start_crawl("", spider="park.items", **settings)
        assert resumed.wait() == 0, resumed.log
    assert drift(database_url) == CHANGES
    # What is known is known of each page once, but for those that were waiting to be counted together.
    pages = value(database_url, "SELECT pages FROM ingestion_fields WHERE path = '@'")
    assert len(EVERYTHING) // PAGE_SIZE - 4 <= pages <= len(EVERYTHING) // PAGE_SIZE


def test_a_run_of_a_stream_that_is_to_fail_for_it_fails_and_the_next_goes_on(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("oldest-first", EVERYTHING[: BEFORE + 3 * PAGE_SIZE]) as collection:
        settings = park(tmp_path, collection, '{ type = "none" }', 'on_drift = "fail"')
        failed = start_crawl("", spider="park.items", **settings)
        assert failed.wait() == 1, failed.log
        ((status, reason, detail),) = rows(database_url, "SELECT status, reason, detail FROM ingestion_runs")
        assert (status, reason) == ("failed", "fields_drifted")
        assert "amount changed its type (bigint, now also text)" in detail
        assert "next: look at the fields that are named" in failed.log
        # The page that shows it is the pass's last one: it is committed, and nothing is called complete.
        assert rows(
            database_url,
            "SELECT total_ingested, (SELECT max(page_number) FROM ingestion_pages), pass_status FROM ingestion_state"
            " WHERE stream = 'park.items'",
        ) == [(BEFORE + 3 * PAGE_SIZE, 23, "open")]

        resumed = start_crawl("", spider="park.items", **settings)
        assert resumed.wait() == 0, resumed.log
        assert value(database_url, f"SELECT count(*) FROM {TABLE}") == len(collection.records)
    assert drift(database_url) == {change for change in CHANGES if change[1] != "vanished"}
