"""Crawls of a feed whose events have changed since they were stored, so that PostgreSQL refuses them now."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest

from datasync_spider.storage.runs import finish_run
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.ledger import last_run
from tests.support.mock import MockApi
from tests.support.pages import event, page
from tests.support.runs import run_writer
from tests.support.truth import assert_totals_balance

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]

# A hundred events that can be stored, and ten that cannot; of the ten, an earlier version of these is stored.
EARLIER = ["hostile-huge_number-95", "hostile-huge_number-45", "hostile-huge_number-5"]
SERVED = 110


@pytest.fixture
def changed_feed(start_mock_api: StartMock, database_url: str) -> Callable[[int], MockApi]:
    """A mock that serves them, and claims to have so many."""
    with run_writer(database_url) as run:
        earlier = [event(event_id, 1_700_000_000_000_000 - place) for place, event_id in enumerate(EARLIER)]
        run.write(page(1, earlier, ends_pass="last_page", expected_total=len(earlier)))
        finish_run(run.connection, run.run, "complete", "last_page", None, 0, 0)

    def start(claimed: int) -> MockApi:
        fault = "malformed_events=1.0,density=0.1,kinds=huge_number"
        return start_mock_api("--total", "100", "--claim-total", str(claimed), "--fault", fault)

    return start


SHORT = "103 stored, 10 rejected (3 of them for events that are counted already), 0 filtered, but the API counts 111"


def test_versions_that_are_refused_do_not_hide_a_missing_event(
    changed_feed: Callable[[int], MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = changed_feed(SERVED + 1)
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="20")
    assert crawl.wait() == 3, crawl.log
    assert f"{SHORT}: 1 are missing" in crawl.log
    assert last_run(database_url) == ("incomplete", "short_read")
    # The next one looks for it in the whole feed, once, and says the same.
    before = mock.requests()
    again = start_crawl(mock.base_url, API_PAGE_LIMIT="20")
    assert again.wait() == 3, again.log
    assert mock.requests() == before + 5
    assert rows(database_url, "SELECT pass_kind FROM ingestion_runs ORDER BY run_id") == [
        ("full",),
        ("incremental",),
        ("full",),
    ]
    assert_totals_balance(database_url)


def test_without_a_missing_event_the_crawl_is_complete_and_a_replay_changes_nothing_of_it(
    changed_feed: Callable[[int], MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = changed_feed(SERVED)
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="20")
    assert crawl.wait() == 0, crawl.log
    replayed = scrapy("replay", DATABASE_URL=database_url)
    assert "3 are stored already" in replayed.stdout
    assert "the next crawl reads the whole feed" not in replayed.stdout
    verified = scrapy("verify", "--json", "--no-api", DATABASE_URL=database_url)
    assert (verified.returncode, json.loads(verified.stdout)["ok"]) == (0, True)


@pytest.mark.parametrize("place", ["before_checkpoint", "before_commit", "after_commit"])
def test_a_crash_around_the_verdict_makes_it_no_better(
    changed_feed: Callable[[int], MockApi], start_crawl: StartCrawl, database_url: str, place: str
) -> None:
    mock = changed_feed(SERVED + 1)
    # The feed is one page, and its batch the last one.
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT=f"{place}@1=kill")
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    status = value(database_url, "SELECT pass_status FROM ingestion_state")
    assert status == ("short" if place == "after_commit" else "open")
    assert_totals_balance(database_url)
    recovered = start_crawl(mock.base_url)
    assert recovered.wait() == 3, recovered.log
    assert SHORT in recovered.log
    assert_totals_balance(database_url)


@pytest.mark.parametrize(("missing", "code"), [(0, 0), (1, 3)])
def test_a_run_that_goes_on_where_another_one_was_killed_sees_what_both_rejected(
    changed_feed: Callable[[int], MockApi], start_crawl: StartCrawl, database_url: str, missing: int, code: int
) -> None:
    mock = changed_feed(SERVED + missing)
    settings = {"API_PAGE_LIMIT": "20", "WRITE_BATCH_SIZE": "20", "WRITE_CONCURRENCY": "1"}
    crashed = start_crawl(mock.base_url, DATASYNC_FAILPOINT="after_commit@2=kill", **settings)
    assert crashed.wait() == -signal.SIGKILL, crashed.log
    assert 0 < value(database_url, "SELECT total_rejected FROM ingestion_state") < 10
    resumed = start_crawl(mock.base_url, **settings)
    assert resumed.wait() == code, resumed.log
    assert rows(database_url, "SELECT pass_number FROM ingestion_runs ORDER BY run_id") == [(1,), (2,), (2,)]
    detail = value(database_url, "SELECT detail FROM ingestion_runs WHERE run_id = 3")
    assert detail.startswith("103 stored, 10 rejected (3 of them for events that are counted already)")
    assert_totals_balance(database_url)
