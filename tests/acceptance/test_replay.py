"""``scrapy replay``, as a user runs it: in place, once, whatever kills it in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.support.crawl import PROJECT, Crawl, clean_environment, scrapy
from tests.support.database import rows, value
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.mock import MockApi
from tests.support.runs import open_test_run
from tests.support.truth import assert_totals_balance
from tests.support.waiting import eventually

# More than two pieces of a replay.
MANY = 2_500


def leave_many(database_url: str) -> None:
    """Dead letters of which every tenth is still not acceptable, and every hundredth one's event is stored."""
    dead_letters = [raw_event(f"e{number}") if number % 10 else b'{"number":%d}' % number for number in range(MANY)]
    leave_dead_letters(database_url, dead_letters, [f"e{number}" for number in range(1, MANY, 100)])


def assert_all_replayed(database_url: str) -> None:
    usable = {f"e{number}" for number in range(MANY) if number % 10}
    assert {event_id for (event_id,) in rows(database_url, "SELECT event_id FROM ingested_events")} == usable
    still_open = "SELECT convert_from(raw, 'UTF8') FROM rejected_events WHERE replayed_at IS NULL ORDER BY rejected_id"
    assert [raw for (raw,) in rows(database_url, still_open)] == [
        f'{{"number":{number}}}' for number in range(0, MANY, 10)
    ]
    assert_totals_balance(database_url)


def test_what_an_earlier_version_rejected_is_stored_in_place(database_url: str) -> None:
    leave_many(database_url)
    done = scrapy("replay", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert "2,500 rejected events tried" in done.stdout
    assert "2,225 are stored now" in done.stdout
    assert "25 are stored already" in done.stdout
    assert "250 stay rejected: no_id 250" in done.stdout
    assert_all_replayed(database_url)
    columns = "status, reason, detail, events, inserted, duplicates, rejected, ended_at IS NOT NULL"
    assert rows(database_url, f"SELECT {columns} FROM ingestion_runs WHERE pass_kind = 'replay'") == [
        (
            "complete",
            "replayed",
            "2,500 tried: 2,225 stored, 25 stored already, 250 still rejected",
            2_500,
            2_225,
            25,
            250,
            True,
        )
    ]
    assert value(database_url, "SELECT lease_run_id FROM ingestion_state") is None


def test_a_second_replay_finds_only_what_is_still_unusable(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b"{}"])
    assert scrapy("replay", DATABASE_URL=database_url).returncode == 0
    again = scrapy("replay", DATABASE_URL=database_url)
    assert "1 rejected events tried" in again.stdout
    assert "0 are stored now" in again.stdout
    assert_totals_balance(database_url)


@pytest.mark.parametrize(
    ("place", "hits"),
    [
        ("run_opened", 1),
        ("before_checkpoint", 2),
        ("before_commit", 2),
        ("after_commit", 2),
        ("before_finish", 1),
    ],
)
def test_a_replay_that_is_killed_is_finished_by_the_next_one(database_url: str, place: str, hits: int) -> None:
    leave_many(database_url)
    killed = scrapy("replay", DATABASE_URL=database_url, DATASYNC_FAILPOINT=f"{place}@{hits}=kill")
    assert killed.returncode == -signal.SIGKILL
    assert_totals_balance(database_url)
    done = scrapy("replay", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert_all_replayed(database_url)
    statuses = "SELECT status, reason FROM ingestion_runs WHERE pass_kind = 'replay' ORDER BY run_id"
    assert rows(database_url, statuses) == [("failed", "lost"), ("complete", "replayed")]


@contextmanager
def frozen_replay(database_url: str, place: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A replay that has stopped itself at this place; none outlives the test."""
    environment = clean_environment(DATABASE_URL=database_url, DATASYNC_FAILPOINT=f"{place}=stop", **settings)
    command = [sys.executable, "-m", "scrapy", "replay"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            status = psutil.Process(process.pid).status
            eventually(lambda: status() == psutil.STATUS_STOPPED, what="the freeze")
            yield process
        finally:
            process.kill()


def test_a_replay_that_is_asked_to_stop_says_so_and_keeps_what_is_committed(database_url: str) -> None:
    leave_many(database_url)
    with frozen_replay(database_url, "after_commit@2") as replay:
        replay.send_signal(signal.SIGTERM)
        replay.send_signal(signal.SIGCONT)
        assert replay.wait(30) == 5
    assert rows(database_url, "SELECT status, reason FROM ingestion_runs WHERE pass_kind = 'replay'") == [
        ("stopped", "SIGTERM")
    ]
    assert value(database_url, "SELECT lease_run_id FROM ingestion_state") is None
    assert value(database_url, "SELECT count(*) FROM rejected_events WHERE replayed_at IS NOT NULL") > 1_000
    assert_totals_balance(database_url)
    assert scrapy("replay", DATABASE_URL=database_url).returncode == 0
    assert_all_replayed(database_url)


def test_a_replay_that_was_frozen_past_its_lease_changes_nothing_more(database_url: str) -> None:
    leave_many(database_url)
    with frozen_replay(database_url, "before_checkpoint@2", LEASE_TTL_MS="1000") as zombie:
        expired = "SELECT lease_expires_at < now() FROM ingestion_state"
        eventually(lambda: value(database_url, expired), what="the end of the lease")
        successor = scrapy("replay", DATABASE_URL=database_url)
        assert successor.returncode == 0, successor.stderr
        zombie.send_signal(signal.SIGCONT)
        assert zombie.wait(30) == 1
    assert_all_replayed(database_url)
    statuses = "SELECT status FROM ingestion_runs WHERE pass_kind = 'replay' ORDER BY run_id"
    assert rows(database_url, statuses) == [("failed",), ("complete",)]


def test_one_reason_can_be_replayed_alone(database_url: str) -> None:
    leave_dead_letters(database_url, [("id_too_long", raw_event("a")), ("too_deep", raw_event("b"))])
    assert scrapy("replay", "--reason", "too_deep", DATABASE_URL=database_url).returncode == 0
    assert rows(database_url, "SELECT event_id FROM ingested_events") == [("b",)]
    assert_totals_balance(database_url)


def test_a_dry_run_changes_nothing_and_says_what_a_replay_then_does(database_url: str) -> None:
    leave_many(database_url)
    rehearsed = scrapy("replay", "--dry-run", DATABASE_URL=database_url)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "2,225 would be stored now" in rehearsed.stdout
    assert "dry run: nothing was changed" in rehearsed.stdout
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 25
    assert value(database_url, "SELECT count(*) FROM ingestion_runs WHERE pass_kind = 'replay'") == 0
    assert "2,225 are stored now" in scrapy("replay", DATABASE_URL=database_url).stdout


def test_one_id_in_several_pieces_is_rehearsed_as_one_event(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("same", f',"n":{number}') for number in range(1_500)])
    assert "1 would be stored now" in scrapy("replay", "--dry-run", DATABASE_URL=database_url).stdout
    assert "1 are stored now" in scrapy("replay", DATABASE_URL=database_url).stdout
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 1_499


def test_a_replay_is_refused_while_a_crawl_is_active(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")])
    open_test_run(database_url)
    done = scrapy("replay", DATABASE_URL=database_url)
    assert done.returncode == 4
    assert "is being run by process 4711 on elsewhere" in done.stderr
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0


def test_a_dry_run_is_possible_while_a_crawl_is_active(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")])
    open_test_run(database_url)
    assert scrapy("replay", "--dry-run", DATABASE_URL=database_url).returncode == 0


def test_where_nothing_is_rejected_no_run_is_opened(database_url: str) -> None:
    done = scrapy("replay", DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (0, "stream events: there is nothing to replay\n")
    assert value(database_url, "SELECT count(*) FROM ingestion_runs") == 0


def test_a_crawl_after_a_replay_goes_on_and_counts_the_replayed_as_known(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "1000")
    leave_dead_letters(database_url, [raw_event("a")])
    assert scrapy("replay", DATABASE_URL=database_url).returncode == 0
    crawl = start_crawl(mock.base_url)
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT total_ingested FROM ingestion_state") == 1_001
    assert_totals_balance(database_url)
    status = scrapy("status", "--expect", "complete", DATABASE_URL=database_url)
    assert status.returncode == 0, status.stdout


def test_a_replay_that_succeeds_does_not_hide_that_the_last_crawl_failed(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    leave_dead_letters(database_url, [raw_event("a")])
    mock = start_mock_api("--total", "500")
    mock.control("faults", "POST", {"name": "unauthorized", "rate": 1})
    assert start_crawl(mock.base_url).wait() == 1
    assert scrapy("replay", DATABASE_URL=database_url).returncode == 0
    assert value(database_url, "SELECT status FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == "complete"
    assert scrapy("status", "--expect", "failed", DATABASE_URL=database_url).returncode == 0
    assert scrapy("status", "--expect", "complete", DATABASE_URL=database_url).returncode == 1
