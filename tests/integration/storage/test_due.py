"""What is due: each slice is given to one process, in the order of how late it is, and to no one while it must wait."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from datasync_spider.ops.registry.streamlist import as_lines
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.sources.credential import Credential
from datasync_spider.storage.connection import connect, connected
from datasync_spider.storage.due import (
    Among,
    Due,
    Rhythm,
    SliceKey,
    claim,
    ended,
    note_late,
    read_late,
    register,
    release,
    seconds_to_next,
)
from datasync_spider.storage.notices import take_notices
from datasync_spider.storage.polls import note_poll
from datasync_spider.storage.removal import drop, find_target, reset
from datasync_spider.storage.runs import OpenRun, finish_run
from datasync_spider.storage.streams import list_slices, pause, resume, resync
from tests.support.database import execute_outside, rows, value
from tests.support.runs import open_test_run
from tests.support.sources import stream_spec
from tests.support.waiting import eventually

A, B = '{"tenant":"a"}', '{"tenant":"b"}'
OF_A = SliceKey("shop", "shop.orders", A)


def named(
    url: str, *slices: str, every: float | None = 300.0, stream: str = "shop.orders", is_all: bool = True
) -> None:
    with connected(url) as connection:
        register(connection, "shop", [Rhythm(stream, slices, every)], is_all=is_all)


def claimed(url: str, limit: int = 100, process: str = "p", among: Among | None = None) -> list[str]:
    with connected(url) as connection:
        return [due.slice for due in claim(connection, limit, process, among or Among())]


def free(url: str) -> None:
    execute_outside(url, "UPDATE ingestion_due SET claimed_until = NULL")


def run_of(url: str, slice_name: str = A, credential: Credential | None = None) -> OpenRun:
    spec = stream_spec("shop.orders", slice_name, source="shop")
    return open_test_run(
        url, stream_spec(spec.name, slice_name, source="shop", credential=credential or spec.credential)
    )


def end(url: str, run: OpenRun, status: str = "complete", *, notifies: bool = False) -> None:
    with connected(url) as connection:
        finish_run(connection, run, status, "why", None, 0, 0)
        key = SliceKey("shop", run.slice.stream, run.slice.name)
        ended(connection, key, run_id=run.run_id, notifies=notifies)


def stream_id_of(url: str) -> int:
    return int(value(url, "SELECT stream_id FROM ingestion_streams WHERE name = 'shop.orders'"))


def due_in(url: str, slice_name: str = A) -> float:
    due = "SELECT extract(epoch FROM due_at - now())::float8 FROM ingestion_due WHERE slice = %s"
    return float(value(url, due, (slice_name,)))


def test_of_many_that_claim_at_once_each_slice_is_given_to_one(database_url: str) -> None:
    slices = [f'{{"tenant":"{number}"}}' for number in range(200)]
    named(database_url, *slices)
    together = threading.Barrier(6)

    def take(number: int) -> list[Due]:
        taken: list[Due] = []
        with closing(connect(database_url)) as connection:
            together.wait(30)
            while found := claim(connection, 7, f"process {number}"):
                taken += found
        return taken

    with ThreadPoolExecutor(6) as pool:
        given = [due.slice for taken in pool.map(take, range(6)) for due in taken]
    # One that others were claiming at that moment was passed over: it is still there.
    given += claimed(database_url, 200, "last")
    assert Counter(given) == Counter(slices)
    assert claimed(database_url) == []


CLAIM_AND_DIE = """
import os, signal, sys
from datasync_spider.storage.connection import connect
from datasync_spider.storage.due import claim
connection = connect(sys.argv[1])
for due in claim(connection, 5, sys.argv[2], claim_seconds=float(sys.argv[3])):
    print(due.slice, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_killed_processes_had_claimed_comes_free_by_itself(database_url: str) -> None:
    slices = [f'{{"tenant":"{number}"}}' for number in range(20)]
    named(database_url, *slices)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_AND_DIE, database_url, f"p{n}", "3"], stdout=subprocess.PIPE, text=True
        )
        for n in range(2)
    ]
    had = [slice_ for process in processes for slice_ in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [-9, -9]
    assert len(set(had)) == len(had) == 10
    left = claimed(database_url)
    assert not set(left) & set(had)
    assert len(left) == 10

    again: list[str] = []

    def is_had_again() -> bool:
        again.extend(claimed(database_url))
        return len(again) == 10

    eventually(is_had_again, what="the claims of the dead to run out")
    assert Counter(again) == Counter(had)


def test_the_latest_comes_first_by_its_own_measure_so_that_none_waits_for_ever(database_url: str) -> None:
    with connected(database_url) as connection:
        register(
            connection,
            "shop",
            [
                Rhythm("shop.daily", ["{}"], 86_400),
                Rhythm("shop.hourly", ["{}"], 3_600),
                Rhythm("shop.often", [A, B], 60),
            ],
        )
    late = {"shop.daily": 3_600, "shop.hourly": 1_800, "shop.often": 20}
    for stream, seconds in late.items():
        execute_outside(
            database_url, f"UPDATE ingestion_due SET due_at = now() - INTERVAL '{seconds} s' WHERE stream = '{stream}'"
        )
    execute_outside(database_url, f"UPDATE ingestion_due SET due_at = now() - INTERVAL '61 s' WHERE slice = '{B}'")
    with connected(database_url) as connection:
        given = [(due.stream, due.slice) for n in range(4) for due in claim(connection, 1, f"p{n}")]
    assert given == [("shop.often", B), ("shop.hourly", "{}"), ("shop.often", A), ("shop.daily", "{}")]


def test_a_process_is_given_what_it_is_ready_to_sync_alone(database_url: str) -> None:
    with connected(database_url) as connection:
        register(connection, "shop", [Rhythm("shop.orders", [A, B], 60), Rhythm("shop.items", [A, B], 60)])
        wanted = Among(["shop.items"], [("shop.orders", B)])
        given = claim(connection, 10, "p", wanted)
        assert {(due.stream, due.slice) for due in given} == {("shop.items", A), ("shop.items", B), ("shop.orders", B)}
        assert (seconds_to_next(connection, wanted) or 0) > 50
        assert seconds_to_next(connection) == 0
        release(connection, [given[0]], "another")
        assert claim(connection, 10, "p", wanted) == []
        release(connection, [given[0]], "p")
        assert [(due.stream, due.slice) for due in claim(connection, 10, "p", wanted)] == [
            (given[0].stream, given[0].slice)
        ]


def test_one_that_is_running_is_given_to_no_one_and_when_its_lease_runs_out_to_anybody(database_url: str) -> None:
    named(database_url, A)
    run_of(database_url)
    assert claimed(database_url) == []
    execute_outside(database_url, "UPDATE ingestion_state SET lease_expires_at = now() - INTERVAL '1 s'")
    assert claimed(database_url) == [A]


def test_a_paused_one_is_not_due_until_it_is_resumed(database_url: str) -> None:
    named(database_url, A)
    run = run_of(database_url)
    end(database_url, run)
    execute_outside(database_url, "UPDATE ingestion_due SET due_at = now()")
    with connected(database_url) as connection:
        pause(connection, run.slice.stream_id, [A])
        assert claim(connection, 1, "p") == []
        assert seconds_to_next(connection) is None
        resume(connection, run.slice.stream_id, [A])
        assert [due.slice for due in claim(connection, 1, "p")] == [A]


def test_waits_that_the_api_has_asked_for_hold_it_back(database_url: str) -> None:
    named(database_url, A, B)
    one, two = Credential.of("https://api.example.com", "1"), Credential.of("https://api.example.com", "2")
    runs = [run_of(database_url, A, one), run_of(database_url, B, two)]
    with connected(database_url) as connection:
        finish_run(connection, runs[0], "failed", "wait_too_long", None, 0, 0, Closed(3_600))
        finish_run(connection, runs[1], "complete", "last_page", None, 0, 0)
        note_poll(connection, runs[1].slice.slice_id, 1_800)
    assert claimed(database_url) == []
    with connected(database_url) as connection:
        assert 1_790 < (seconds_to_next(connection) or 0) <= 1_800
    execute_outside(
        database_url, "UPDATE ingestion_credentials SET advised_until = now() WHERE fingerprint LIKE 'poll:%'"
    )
    assert claimed(database_url) == [B]
    execute_outside(database_url, "UPDATE ingestion_credentials SET closed_until = 'infinity'")
    assert claimed(database_url) == []
    with connected(database_url) as connection:
        slices = list_slices(connection, ["shop.orders"], 0)
        assert [row["late_seconds"] for row in slices] == [0, 0]
        assert as_lines(slices)[1].endswith("due 9999-12-31 23:59:59 UTC")
    execute_outside(database_url, "UPDATE ingestion_credentials SET closed_until = NULL")
    assert claimed(database_url) == [A]


def test_what_nothing_names_any_more_is_not_due_and_other_sources_are_left_alone(database_url: str) -> None:
    named(database_url, A, B)
    with connected(database_url) as connection:
        register(connection, "other", [Rhythm("other.things", ["{}"], 60)])
        register(connection, "datasync", [Rhythm("events", ["{}"], 60)], is_all=False)
        register(connection, "datasync", [Rhythm("orders", ["{}"], 60)], is_all=False)
    named(database_url, B, "{}")
    assert sorted(claimed(database_url)) == sorted([B, "{}", "{}", "{}", "{}"])
    free(database_url)
    named(database_url, A, B, every=None)
    assert claimed(database_url) == ["{}", "{}", "{}"]
    named(database_url, A)
    assert claimed(database_url) == [A]


def test_the_next_sync_counts_from_where_the_last_one_began(database_url: str) -> None:
    named(database_url, A)
    run = run_of(database_url)
    execute_outside(database_url, "UPDATE ingestion_runs SET started_at = now() - INTERVAL '100 s'")
    end(database_url, run)
    assert 0.9 * 300 - 101 < due_in(database_url) <= 200
    # Another rhythm counts from there, too.
    named(database_url, A, every=150)
    assert 45 < due_in(database_url) <= 50
    named(database_url, A, every=150)
    assert 45 < due_in(database_url) <= 50


def test_one_that_was_synced_before_anything_was_due_begins_with_its_rhythm(database_url: str) -> None:
    run_of(database_url)
    execute_outside(
        database_url, "UPDATE ingestion_state SET completed_at = now() - INTERVAL '100 s', lease_expires_at = NULL"
    )
    named(database_url, A, B)
    assert 195 < due_in(database_url) <= 200
    assert claimed(database_url) == [B]


def test_failures_double_the_pause_and_the_first_sync_that_is_complete_ends_that(database_url: str) -> None:
    named(database_url, A)
    for failures, pause_seconds in enumerate([600, 1_200, 2_400, 3_600, 3_600], 1):
        end(database_url, run_of(database_url), "failed" if failures % 2 else "incomplete")
        assert 0.9 * pause_seconds - 5 < due_in(database_url) <= pause_seconds
        assert value(database_url, "SELECT failures FROM ingestion_due") == failures
    # Who makes its rhythm faster need not wait for the old pause.
    named(database_url, A, every=60)
    assert 50 < due_in(database_url) <= 60
    end(database_url, run_of(database_url))
    assert 50 < due_in(database_url) <= 60
    assert value(database_url, "SELECT failures FROM ingestion_due") == 0


@pytest.mark.parametrize("refused", ["lease_held", "stream_paused", "stream_changed"])
def test_one_that_had_no_run_has_failed_unless_it_is_anothers(database_url: str, refused: str) -> None:
    named(database_url, A)
    before = rows(database_url, "SELECT due_at, failures FROM ingestion_due")
    with connected(database_url) as connection:
        ended(connection, OF_A, refused=refused)
    assert (rows(database_url, "SELECT due_at, failures FROM ingestion_due") == before) is (refused != "stream_changed")


@pytest.mark.parametrize("status", ["stopped", "fenced", "running"])
def test_a_sync_that_someone_has_stopped_leaves_it_as_due_as_it_was(database_url: str, status: str) -> None:
    named(database_url, A)
    before = rows(database_url, "SELECT due_at, failures, health FROM ingestion_due")
    end(database_url, run_of(database_url), status)
    assert rows(database_url, "SELECT due_at, failures, health FROM ingestion_due") == before


def test_every_time_is_the_databases_whatever_the_clock_of_a_process_says(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(database_url, A)
    run = run_of(database_url)
    for clock in ("time", "monotonic"):
        monkeypatch.setattr(time, clock, lambda: 4e9)
    end(database_url, run)
    assert claimed(database_url) == []
    assert 265 < due_in(database_url) <= 300
    execute_outside(database_url, "UPDATE ingestion_due SET due_at = now()")
    assert claimed(database_url) == [A]


def test_what_waits_for_no_one_is_late_after_twice_its_rhythm_and_is_reported_once(database_url: str) -> None:
    named(database_url, A, B)
    execute_outside(database_url, "UPDATE ingestion_due SET due_at = now() - INTERVAL '590 s'")
    with connected(database_url) as connection:
        assert (read_late(connection, 10), note_late(connection)) == ([], [])
        execute_outside(database_url, f"UPDATE ingestion_due SET due_at = now() - INTERVAL '601 s' WHERE slice = '{A}'")
        assert [late.slice for late in read_late(connection, 10)] == [A]
        (noted,) = note_late(connection)
        assert (noted.stream, noted.slice, noted.every_seconds) == ("shop.orders", A, 300)
        assert 600 < noted.late_seconds < 700
        assert note_late(connection) == []
        (notice,) = take_notices(connection, 10)
        assert (notice.kind, notice.stream, notice.slice) == ("late", "shop.orders", A)
    end(database_url, run_of(database_url), notifies=True)
    with connected(database_url) as connection:
        assert [notice.kind for notice in take_notices(connection, 10)] == ["recovered"]


def test_a_change_is_reported_once_with_its_facts_and_not_once_a_run(database_url: str) -> None:
    for status in ("complete", "failed", "failed", "incomplete", "complete", "complete"):
        # Also of a slice that nothing names.
        end(database_url, run_of(database_url), status, notifies=True)
    with connected(database_url) as connection:
        failed, recovered = take_notices(connection, 10)
        assert take_notices(connection, 10) == []
    assert (failed.kind, failed.attempts, failed.facts) == (
        "failed",
        1,
        {"run_id": 2, "status": "failed", "reason": "why", "failures": 1, "every_seconds": None},
    )
    assert (recovered.kind, recovered.facts["run_id"], recovered.facts["failures"]) == ("recovered", 5, 0)
    assert claimed(database_url) == []


def test_a_run_is_counted_once_who_tells_of_its_end_and_how_often(database_url: str) -> None:
    named(database_url, A)
    failed = run_of(database_url)
    with connected(database_url) as connection:
        finish_run(connection, failed, "failed", "why", None, 0, 0)
    together = threading.Barrier(4)

    def tell(_: int) -> None:
        with connected(database_url) as connection:
            together.wait(30)
            ended(connection, OF_A, run_id=failed.run_id, notifies=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(4)))
    assert value(database_url, "SELECT count(*) FROM ingestion_notices") == 1
    assert rows(database_url, "SELECT failures, run_id FROM ingestion_due") == [(1, failed.run_id)]


def test_to_sync_anew_or_to_reset_makes_it_due_and_a_drop_forgets_it(database_url: str) -> None:
    named(database_url, A, B)
    end(database_url, run_of(database_url, B))
    end(database_url, run_of(database_url), "failed")
    assert claimed(database_url) == []
    with connected(database_url) as connection:
        resync(connection, stream_id_of(database_url), "shop.orders", [B], is_full=False)
        assert [due.slice for due in claim(connection, 9, "p")] == [B]
        for remove in (reset, drop):
            target = find_target(connection, "shop.orders", A)
            assert target is not None
            remove(connection, target, 1_000)
            assert [due.slice for due in claim(connection, 9, "p")] == ([A] if remove is reset else [])
    assert rows(database_url, "SELECT slice, failures FROM ingestion_due") == [(B, 0)]


def test_many_processes_that_register_and_claim_at_once_wait_for_each_other_and_never_for_ever(
    database_url: str,
) -> None:
    slices = [f'{{"tenant":"{number}"}}' for number in range(100)]
    together = threading.Barrier(4)

    def work(number: int) -> int:
        given = 0
        with closing(connect(database_url)) as connection:
            together.wait(30)
            for turn in range(5):
                mine: Sequence[str] = slices[:50] if (turn + number) % 2 else slices[:49:-1]
                register(connection, "shop", [Rhythm("shop.orders", mine, 60.0 + number)])
                given += len(claim(connection, 10, str(number)))
        return given

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) <= 200
    assert value(database_url, "SELECT count(*) FROM ingestion_due") == 100
