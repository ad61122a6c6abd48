"""A signal in the middle of a statement that takes for ever: the command ends at once, and says that it was stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg2
import pytest

from tests.support.crawl import clean_environment, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.starting import Process, start
from tests.support.truth import assert_totals_balance
from tests.support.waiting import eventually

# No statement here ends by itself before the test does.
FOR_EVER = """
    CREATE FUNCTION for_ever() RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(3600); RETURN true; END $$;
    ALTER TABLE ingested_events ADD CONSTRAINT for_ever CHECK (for_ever());
"""
AT_WORK = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'"


@contextmanager
def running(database_url: str, *command: str) -> Iterator[Process]:
    """The command in a process that does not outlive the test."""
    process = start("scrapy", *command, environment=clean_environment(DATABASE_URL=database_url))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def backend_at_work(database_url: str) -> psutil.Process:
    """The server's process that executes the command's long statement."""
    asleep = f"SELECT pid {AT_WORK} AND wait_event = 'PgSleep'"
    return psutil.Process(eventually(lambda: rows(database_url, asleep), what="the long statement")[0][0])


def nothing_is_at_work(database_url: str) -> bool:
    return bool(value(database_url, f"SELECT count(*) = 0 {AT_WORK}"))


@pytest.fixture
def endless_url(database_url: str) -> str:
    """Where two dead letters wait for a replay, and no event can ever be inserted."""
    leave_dead_letters(database_url, [raw_event("a"), raw_event("b")])
    execute_outside(database_url, FOR_EVER)
    return database_url


def assert_stopped_and_replayable(database_url: str, reason: str) -> None:
    runs = "SELECT status, reason FROM ingestion_runs WHERE pass_kind = 'replay'"
    assert rows(database_url, runs) == [("stopped", reason)]
    assert value(database_url, "SELECT lease_run_id FROM ingestion_state") is None
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0
    execute_outside(database_url, "ALTER TABLE ingested_events DROP CONSTRAINT for_ever")
    assert "2 are stored now" in scrapy("replay", DATABASE_URL=database_url).stdout
    assert_totals_balance(database_url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_statement_of_a_replay(endless_url: str, number: signal.Signals) -> None:
    with running(endless_url, "replay") as replay:
        backend_at_work(endless_url)
        replay.send_signal(number)
        assert replay.wait(30) == 5
    eventually(lambda: nothing_is_at_work(endless_url), what="the end of the statement")
    assert_stopped_and_replayable(endless_url, number.name)


def test_a_replay_does_not_wait_for_a_server_that_does_not_hear_its_cancellation(endless_url: str) -> None:
    with running(endless_url, "replay") as replay:
        backend = backend_at_work(endless_url)
        backend.suspend()
        try:
            replay.send_signal(signal.SIGTERM)
            assert replay.wait(30) == 5
        finally:
            backend.resume()
    eventually(lambda: nothing_is_at_work(endless_url), what="the end of the statement")
    assert_stopped_and_replayable(endless_url, "SIGTERM")


def test_a_signal_ends_the_wait_of_a_migration_for_its_lock(empty_database_url: str) -> None:
    holder = psycopg2.connect(empty_database_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(7235191845)")
        with running(empty_database_url, "migrate") as migrating:
            waiting = f"SELECT count(*) {AT_WORK} AND wait_event = 'advisory'"
            eventually(lambda: value(empty_database_url, waiting), what="the wait for the lock")
            migrating.send_signal(signal.SIGINT)
            assert migrating.wait(30) == 5
        eventually(lambda: nothing_is_at_work(empty_database_url), what="the end of the statement")
    finally:
        holder.close()
