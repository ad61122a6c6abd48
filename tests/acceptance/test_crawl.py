"""The crawl as its user sees it: a process, an exit code, and what is in the database afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.mock import MockApi
from tests.support.truth import assert_books_balance, assert_exact
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]


def committed_pages(database_url: str) -> int:
    return int(value(database_url, "SELECT count(*) FROM ingestion_pages"))


def last_run(database_url: str) -> tuple[str, str]:
    status, reason = rows(database_url, "SELECT status, reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0]
    return status, reason


def test_every_event_is_stored_exactly_and_the_run_says_complete(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    crawl = start_crawl(mock.base_url)
    assert crawl.wait() == 0, crawl.log
    assert "ingestion complete" in crawl.log
    assert last_run(database_url) == ("complete", "last_page")
    assert_exact(database_url, 20000)


@pytest.mark.parametrize("shape", ["flat", "snake", "events"])
def test_other_shapes_of_the_feed_are_read_as_well(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str, shape: str
) -> None:
    mock = start_mock_api("--total", "3000", "--shape", shape)
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 3000)


def test_an_empty_feed_is_complete(start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str) -> None:
    crawl = start_crawl(start_mock_api("--total", "0").base_url)
    assert crawl.wait() == 0, crawl.log
    assert last_run(database_url)[0] == "complete"


def test_the_next_run_costs_one_request_where_nothing_is_new(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="1000").wait() == 0
    before = mock.requests()
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    assert mock.requests() == before + 1
    assert last_run(database_url) == ("complete", "reached_known")
    assert_exact(database_url, 5000)


def test_an_incremental_run_fetches_what_is_new_and_stops_at_known_ground(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "5000")
    assert start_crawl(mock.base_url, API_PAGE_LIMIT="500").wait() == 0
    mock.control("grow?by=1200", "POST")
    before = mock.requests()
    crawl = start_crawl(mock.base_url, API_PAGE_LIMIT="500")
    assert crawl.wait() == 0, crawl.log
    assert mock.requests() == before + 4
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 6200
    assert_books_balance(database_url)


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
    assert_books_balance(database_url)


def _cursor_has_expired(mock: MockApi, database_url: str) -> bool:
    import urllib.error
    import urllib.parse
    import urllib.request

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


def test_a_second_run_of_the_stream_is_refused_and_told_by_whom(
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
    assert crawl.wait(10) == 5, crawl.log
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
    assert crawl.wait(10) == 5, crawl.log


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
def test_a_feed_that_walks_in_a_circle_fails_with_the_position_kept(
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
    assert_books_balance(database_url)


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


def test_the_key_opens_the_api_and_is_never_logged(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "100", "--api-key", "the-right-key-1234")
    crawl = start_crawl(mock.base_url, "-L", "DEBUG", DATASYNC_API_KEY="the-right-key-1234")
    assert crawl.wait() == 0, crawl.log
    assert "the-right-key-1234" not in crawl.log


def test_an_expired_cursor_in_the_middle_costs_a_new_walk_and_no_event(
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


def test_a_feed_export_holds_one_event_a_line(
    start_mock_api: StartMock, start_crawl: StartCrawl, tmp_path: Path, database_url: str
) -> None:
    mock = start_mock_api("--total", "1500")
    export = tmp_path / "events.jsonl"
    crawl = start_crawl(mock.base_url, "-O", str(export), API_PAGE_LIMIT="1000")
    assert crawl.wait() == 0, crawl.log
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    stored = dict(rows(database_url, "SELECT event_id, payload::text FROM ingested_events"))
    assert {line["event_id"]: line["payload"] for line in lines} == {
        event_id: json.loads(payload) for event_id, payload in stored.items()
    }


def test_a_bad_setting_ends_with_exit_code_2_before_any_request(
    start_mock_api: StartMock, start_crawl: StartCrawl
) -> None:
    mock = start_mock_api("--total", "100")
    crawl = start_crawl(mock.base_url, "-s", "API_PAGE_LIMIT=many")
    assert crawl.wait() == 2
    assert "API_PAGE_LIMIT" in crawl.log
    assert "many" in crawl.log
    assert "Traceback" not in crawl.log
    assert mock.requests() == 0


def test_live_mode_without_a_key_ends_with_exit_code_2(start_mock_api: StartMock, start_crawl: StartCrawl) -> None:
    crawl = start_crawl(start_mock_api("--total", "1").base_url, API_MODE="LIVE")
    assert crawl.wait() == 2
    assert "DATASYNC_API_KEY" in crawl.log


def test_status_tells_people_and_programs_the_same(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700")
    assert scrapy("status", "--expect", "complete", DATABASE_URL=database_url).returncode == 1
    assert start_crawl(mock.base_url).wait() == 0
    told = scrapy("status", "--json", "--expect", "complete", DATABASE_URL=database_url)
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert (report["stream"], report["total_ingested"], report["exit_code"]) == ("events", 700, 0)
    assert report["run"]["status"] == "complete"
    assert "700" in scrapy("status", DATABASE_URL=database_url).stdout


def test_status_tells_what_the_last_run_did_and_the_runs_before_it(
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
    assert lines[at + 1].startswith("  run 1: complete, last_page; ")
    assert lines[at + 1].endswith(", 700 inserted of 700 events")


def test_status_tells_in_words_what_a_crawl_waits_for(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "700", "--rate-limit", "1", "--rate-window-ms", "60000")
    start_crawl(mock.base_url, API_PAGE_LIMIT="100")
    wait = "run 1 is running, waiting\n  The API wants no request for another "
    eventually(lambda: wait in scrapy("status", DATABASE_URL=database_url).stdout, what="the wait in the report")


def test_migrate_says_what_is_pending_and_applies_it(empty_database_url: str) -> None:
    pending = scrapy("migrate", "--check", DATABASE_URL=empty_database_url)
    assert pending.returncode == 1
    assert "0001_init" in pending.stdout
    assert scrapy("migrate", DATABASE_URL=empty_database_url).returncode == 0
    assert scrapy("migrate", "--check", DATABASE_URL=empty_database_url).returncode == 0


def test_psql_opens_the_configured_database(database_url: str) -> None:
    done = scrapy("psql", "--", "-Atc", "SELECT current_database()", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in database_url
