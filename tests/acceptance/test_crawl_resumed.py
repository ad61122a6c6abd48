"""Runs that are killed, stopped, doubled or lose their cursor, and what the next one makes of it."""

from __future__ import annotations

import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.ledger import committed_pages, last_run
from tests.support.mock import MockApi
from tests.support.truth import assert_exact, assert_totals_balance
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def test_a_killed_incremental_run_leaves_no_gap_behind_the_pages_that_it_stored(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "2000", "--cursor-ttl-ms", "1000")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="100").wait() == 0
    mock.control("grow?by=2000", "POST")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 100})
    done = committed_pages(database_url)
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100", WRITE_BATCH_SIZE="100")
    eventually(lambda: committed_pages(database_url) >= done + 3, what="some pages of the incremental pass")
    crawl.kill()
    crawl.wait()
    mock.control("faults", "DELETE")
    # The stored cursor dies, so the pass goes on from the head, over pages that it has stored itself.
    eventually(lambda: _cursor_has_expired(mock, database_url), what="the stored cursor to expire")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 4000
    assert_totals_balance(database_url)


def _cursor_has_expired(mock: MockApi, database_url: str) -> bool:
    cursor = value(database_url, "SELECT cursor FROM ingestion_state WHERE id = 1")
    query = urllib.parse.urlencode({"limit": 1, "cursor": cursor})
    try:
        urllib.request.urlopen(f"{mock.base_url}/events?{query}", timeout=5).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 400
    return False


def test_a_run_that_is_killed_again_and_again_ends_exact(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 60})
    settings = {"API_PAGE_LIMIT": "250", "WRITE_BATCH_SIZE": "500"}
    for _ in range(5):
        done = committed_pages(database_url)
        crawl = start_crawl(mock.base_url, **settings)
        eventually(lambda done=done: committed_pages(database_url) > done, what="progress")  # type: ignore[misc]
        crawl.kill()
        assert crawl.wait() == -signal.SIGKILL
    mock.control("faults", "DELETE")
    crawl = start_crawl(mock.base_url, **settings)
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE reason = 'lost'") == 5
    assert_exact(database_url, 20000)


def test_a_second_run_of_the_stream_is_refused_and_the_holder_is_named(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    # Frozen, the first one asks for nothing, so that every request would be the second one's.
    settings = {"API_PAGE_LIMIT": "100", "DATASYNC_FAILPOINT": "before_fetch@3=stop", "LEASE_TTL_MS": "600000"}
    first = start_crawl(mock.base_url, **settings)
    eventually(lambda: first.is_frozen, what="the first run to be under way")
    before = mock.requests()
    second = start_crawl(mock.base_url)
    assert second.wait() == 4, second.log
    assert f"process {first.process.pid}" in second.log
    assert mock.requests() == before
    first.kill(signal.SIGTERM)
    first.kill(signal.SIGCONT)
    assert first.wait() == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_its_position_saved(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str, number: signal.Signals
) -> None:
    mock = start_mock_api("--total", "20000")
    mock.control("faults", "POST", {"name": "slow", "rate": 1.0, "delay_ms": 30})
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    eventually(lambda: committed_pages(database_url) > 0, what="the first commit")
    crawl.kill(number)
    assert crawl.wait(45) == 5, crawl.log
    assert "ingestion complete" not in crawl.log
    assert last_run(database_url) == ("stopped", number.name)
    assert value(database_url, "SELECT lease_owner FROM ingestion_state WHERE id = 1") is None
    mock.control("faults", "DELETE")
    assert start_crawl(mock.base_url).wait() == 0
    assert_exact(database_url, 20000)


def test_a_signal_while_waiting_for_the_rate_window_ends_the_wait(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "20000", "--rate-limit", "2", "--rate-window-ms", "60000")
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    # What was fetched is committed before the wait, though it fills no batch.
    eventually(lambda: committed_pages(database_url) == 2, what="the commit before the wait")
    eventually(lambda: "waiting" in crawl.log, what="the wait")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait(45) == 5, crawl.log


def test_an_expired_cursor_in_the_middle_costs_a_new_chain_and_no_event(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    mock.control("faults", "POST", {"name": "expired_cursor", "requests": [5, 9]})
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(DISTINCT walk) FROM ingestion_pages") == 3
    assert_exact(database_url, 5000)


def test_an_api_that_honours_until_is_asked_for_nothing_twice_after_an_expiry(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000", "--honour-until")
    # The first run ends with seven pages committed, so that what is stored when the cursor expires does not depend on
    # how far the writers had got.
    mock.control("faults", "POST", {"name": "unauthorized", "requests": [8]})
    mock.control("faults", "POST", {"name": "expired_cursor", "requests": [9]})
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="500").wait() == 1
    assert value(database_url, "SELECT total_ingested FROM ingestion_state") == 3500
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 5000)
    asked = mock.control("stats")["requests"][9:]
    # The oldest stored event's millisecond is read again, since the bound may be meant inclusive or not.
    assert 1500 <= sum(request["events"] for request in asked) <= 1502
    assert len(asked) <= 4


def test_an_api_that_rounds_until_down_leaves_no_gap_after_an_expiry(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000", "--honour-until", "--until-step-ms", "60000")
    mock.control("faults", "POST", {"name": "expired_cursor", "requests": [6, 14]})
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500", WRITE_BATCH_SIZE="500")
    assert crawl.wait() == 0, crawl.log
    assert crawl.log.count("in a way of its own") == 1
    assert_exact(database_url, 5000)
