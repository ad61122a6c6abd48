"""Opening and ending runs: leases, fences, resume points."""

import threading

import pytest

from datasync_spider.errors import FencedOff, LeaseHeld
from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.connection import connected
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.owner import this_process
from datasync_spider.storage.passdepth import read_pass_depth
from datasync_spider.storage.runs import OpenRun, finish_run, note_closed, open_run, read_run
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import ELSEWHERE, EVENTS, open_test_run, renew_lease, run_writer
from tests.support.sources import stream_spec
from tests.support.waiting import eventually


def test_the_first_run_starts_a_full_pass_at_the_head(database_url: str) -> None:
    run = open_test_run(database_url)
    assert (run.resume.cursor, run.resume.pass_kind, run.resume.pass_number) == (None, "full", 1)


def test_a_live_lease_is_respected_and_the_refusal_says_who_holds_it_since_when(database_url: str) -> None:
    with connected(database_url) as connection:
        open_run(connection, stream_spec("events"), 60_000, "test")
    with connected(database_url) as connection, pytest.raises(LeaseHeld) as caught:
        open_run(connection, stream_spec("events"), 60_000, "test")
    assert str(this_process()) in str(caught.value)
    assert "since 20" in str(caught.value)


def test_an_opening_that_was_committed_unheard_does_not_keep_its_own_process_out(database_url: str) -> None:
    with connected(database_url) as connection:
        unheard = open_run(connection, stream_spec("events"), 60_000, "test")
    with connected(database_url) as connection:
        run = open_run(connection, stream_spec("events"), 60_000, "test", again=True)
        assert run.fence > unheard.fence
        with pytest.raises(FencedOff):
            renew_lease(connection, unheard, 0, 0)


def test_the_lease_of_another_machine_is_respected_until_it_expires(database_url: str) -> None:
    first = open_test_run(database_url, lease_ttl_ms=60_000)
    with connected(database_url) as connection, pytest.raises(LeaseHeld):
        open_run(connection, stream_spec("events"), 60_000, "test")
    execute_outside(database_url, "UPDATE ingestion_state SET lease_expires_at = now() - interval '1 ms'")
    with connected(database_url) as connection:
        second = open_run(connection, stream_spec("events"), 60_000, "test")
    assert second.fence > first.fence
    assert second.took_over is not None
    assert "expired" in second.took_over


def test_of_runs_that_start_at_the_same_moment_one_wins(database_url: str) -> None:
    outcomes: list[OpenRun | LeaseHeld] = []
    barrier = threading.Barrier(6)

    def start() -> None:
        with connected(database_url) as connection:
            barrier.wait(60)
            try:
                outcomes.append(open_run(connection, stream_spec("events"), 60_000, "test"))
            except LeaseHeld as refused:
                outcomes.append(refused)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(outcomes) == 6
    assert sum(isinstance(outcome, OpenRun) for outcome in outcomes) == 1


def test_a_run_that_died_is_called_failed_when_its_lease_is_taken(database_url: str) -> None:
    first = open_test_run(database_url)
    second = open_test_run(database_url)
    with connected(database_url) as connection:
        lost = read_run(connection, first.run_id)
    assert lost is not None
    assert (lost["status"], lost["reason"]) == ("failed", "lost")
    assert f"run {second.run_id} took over" in lost["detail"]


def test_a_run_goes_on_at_the_cursor_that_was_committed_and_knows_the_cursors_before_it(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"]), page(2, ["b"]), page(3, ["c"]))
    resume = open_test_run(database_url).resume
    assert resume.cursor == "cursor-3"
    assert sorted(resume.trail) == ["cursor-1", "cursor-2"]
    assert (resume.pass_number, resume.total_ingested) == (1, 3)


def test_after_completion_an_incremental_pass_starts_at_the_head(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"], ends_pass="last_page"))
    resume = open_test_run(database_url).resume
    assert (resume.cursor, resume.pass_kind, resume.pass_number) == (None, "incremental", 2)


def test_after_a_short_read_a_full_pass_starts_at_the_head(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"], expected_total=5, ends_pass="last_page"))
    assert open_test_run(database_url).resume.pass_kind == "full"


def test_streams_have_positions_and_leases_of_their_own(database_url: str) -> None:
    with run_writer(database_url, "events") as run:
        run.write(page(1, ["a"]))
        other = open_test_run(database_url, "tenant-2")
        run.write(page(2, ["b"]))
    assert other.resume.cursor is None
    assert dict(rows(database_url, "SELECT stream, total_ingested FROM ingestion_state")) == {
        "events": 2,
        "tenant-2": 0,
    }


def test_a_lease_is_renewed_while_it_is_ours_and_lost_when_it_is_not(database_url: str) -> None:
    run = open_test_run(database_url, lease_ttl_ms=1000)
    before = value(database_url, "SELECT lease_expires_at FROM ingestion_state")
    with connected(database_url) as connection:
        renew_lease(connection, OpenRun(run.run_id, EVENTS, run.fence, 60_000, run.resume), 3, 4)
        assert value(database_url, "SELECT lease_expires_at FROM ingestion_state") > before
        open_test_run(database_url)
        with pytest.raises(FencedOff):
            renew_lease(connection, run, 3, 4)


def test_an_ended_run_gives_its_lease_back(database_url: str) -> None:
    run = open_test_run(database_url)
    with connected(database_url) as connection:
        finish_run(connection, run, "stopped", "SIGTERM", None, 1, 2)
        again = open_run(connection, stream_spec("events"), 60_000, "test", me=ELSEWHERE, alive=lambda _: None)
    assert again.took_over is None
    assert rows(database_url, "SELECT status, retries, waited_ms FROM ingestion_runs ORDER BY run_id")[0] == (
        "stopped",
        1,
        2,
    )


def test_what_a_commit_has_said_of_a_run_stays_said(database_url: str) -> None:
    with run_writer(database_url) as writer:
        writer.write(page(1, ["a"], ends_pass="last_page"))
        run = writer.writer._run
        finish_run(writer.connection, run, "failed", "something", None, 0, 0)
    assert value(database_url, "SELECT status FROM ingestion_runs") == "complete"


def test_a_zombie_that_ends_does_not_give_away_its_successors_lease(database_url: str) -> None:
    zombie = open_test_run(database_url)
    successor = open_test_run(database_url)
    with connected(database_url) as connection:
        finish_run(connection, zombie, "fenced", "fenced", None, 0, 0)
    assert value(database_url, "SELECT lease_run_id FROM ingestion_state") == successor.run_id
    assert value(database_url, "SELECT status FROM ingestion_runs WHERE run_id = %s", (zombie.run_id,)) == "fenced"


def test_a_page_is_known_only_if_all_of_it_was_stored_before_this_pass(database_url: str) -> None:
    refused = event("nul", payload=b'"\\u0000"')
    with run_writer(database_url) as run:
        run.write(page(1, [event("a"), event("b"), refused], ends_pass="last_page"))
    with run_writer(database_url) as run:
        resume = run.writer._run.resume
        run.write(page(1, ["new"]))
        before = resume.known_before
        known = is_known_entirely(run.connection, EVENTS, page(9, [event("a"), refused, event("b")]), before)
        unknown = is_known_entirely(run.connection, EVENTS, page(9, ["a", "b", "never"]), before)
        of_this_pass = is_known_entirely(run.connection, EVENTS, page(9, ["new"]), before)
        empty = is_known_entirely(run.connection, EVENTS, page(9, []), before)
    assert (known, unknown, of_this_pass, empty) == (True, False, False, False)


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_rejected_version_of_an_event_makes_no_other_event_known(database_url: str, is_taken: bool) -> None:
    huge, larger = (event("a", payload=b'{"id":"a","n":1e%d}' % digits) for digits in (400000, 400001))
    versions = [event("a") if is_taken else huge, larger]
    with run_writer(database_url) as run:
        run.write(page(1, versions), page(2, ["b"]))
        before = value(database_url, "SELECT now()")
        known = is_known_entirely(run.connection, EVENTS, page(9, [*versions, event("b")]), before)
        unknown = is_known_entirely(run.connection, EVENTS, page(9, [*versions, event("new")]), before)
        another = is_known_entirely(run.connection, EVENTS, page(9, [larger, event("new")]), before)
    assert (known, unknown, another) == (True, False, False)


def test_how_deep_a_pass_is_counts_only_while_the_feed_is_in_order(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", 90_000), event("b", 70_000)]))
        assert read_pass_depth(run.connection, EVENTS).oldest_ms == 70
        run.write(page(2, [event("c", 80_000)]))
        assert read_pass_depth(run.connection, EVENTS).oldest_ms is None
        assert read_pass_depth(run.connection, EVENTS).newest_ms == 90


def test_what_the_api_asked_of_one_run_holds_for_the_next(database_url: str) -> None:
    first = open_test_run(database_url)
    with connected(database_url) as connection:
        note_closed(connection, first, Closed(50.0))
        note_closed(connection, first, Closed(5.0, 20.0))
    assert first.waits.closed == Closed()
    second = open_test_run(database_url)
    assert 40 < second.waits.closed.seconds <= 50
    assert 10 < second.waits.closed.advised_seconds <= 20


def test_what_the_api_asked_of_a_run_is_kept_with_its_end(database_url: str) -> None:
    run = open_test_run(database_url)
    with connected(database_url) as connection:
        finish_run(connection, run, "failed", "wait_too_long", None, 0, 0, Closed(86_400.0, 30.0))
    following = open_test_run(database_url)
    assert 86_000 < following.waits.closed.seconds <= 86_400
    assert 20 < following.waits.closed.advised_seconds <= 30


def test_what_the_api_asked_of_a_run_that_was_fenced_off_holds_all_the_same(database_url: str) -> None:
    zombie = open_test_run(database_url)
    successor = open_test_run(database_url)
    with connected(database_url) as connection:
        finish_run(connection, zombie, "fenced", "fenced", None, 0, 0, Closed(86_400.0))
        assert 86_000 < renew_lease(connection, successor, 0, 0).seconds <= 86_400


def test_a_run_that_ends_while_its_slice_is_taken_over_is_no_deadlock(database_url: str) -> None:
    """Both want the slice's row, the run's and the credential's: the end waits for the first, and holds no other."""
    run = open_test_run(database_url)
    outcomes: list[Exception | None] = []

    def end() -> None:
        try:
            with connected(database_url) as connection:
                finish_run(connection, run, "failed", "wait_too_long", None, 0, 0, Closed(50.0))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            outcomes.append(error)
        else:
            outcomes.append(None)

    ending = threading.Thread(target=end)
    with connected(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM ingestion_state WHERE id = 1 FOR UPDATE")
        ending.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        eventually(lambda: rows(database_url, waiting), what="the end that waits")
        cursor.execute("UPDATE ingestion_credentials SET updated_at = now()")
        cursor.execute("UPDATE ingestion_runs SET detail = 'taken over'")
        connection.commit()
    ending.join(60)
    assert outcomes == [None]
