"""A migration is applied under no run that is at work, and keeps no one waiting for long where it waits itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg2
import pytest
from msgspec.structs import replace

from datasync_spider.errors import DatasyncError, LeaseHeld, StorageUnavailable
from datasync_spider.storage import upgrade
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import Migration, load_migrations, migrate
from datasync_spider.storage.owner import Owner, this_process
from tests.support.database import execute_outside, rows, value
from tests.support.olddatabases import contents, hold_lease, load
from tests.support.waiting import eventually

FURTHER = Migration(len(load_migrations()) + 1, "further", "CREATE TABLE further (a int)")


def test_a_run_that_is_at_work_stops_the_migration_and_is_named(empty_database_url: str) -> None:
    load(empty_database_url, "several_0008")
    hold_lease(empty_database_url, this_process(), "b")
    before = contents(empty_database_url)
    with connected(empty_database_url) as connection, pytest.raises(LeaseHeld) as refusal:
        migrate(connection)
    me = this_process()
    assert f"stream b is being run by process {me.pid} on {me.host} since 2" in str(refusal.value)
    assert "stream events" not in str(refusal.value)
    assert contents(empty_database_url) == before


def test_a_run_of_another_machine_stops_it_until_its_lease_has_expired(empty_database_url: str) -> None:
    load(empty_database_url, "filled_0008")
    elsewhere = Owner("elsewhere", "another-boot", 7, 1.0)
    hold_lease(empty_database_url, elsewhere)
    with connected(empty_database_url) as connection:
        with pytest.raises(LeaseHeld, match="process 7 on elsewhere"):
            migrate(connection)
        execute_outside(empty_database_url, "UPDATE ingestion_state SET lease_expires_at = now()")
        assert migrate(connection)


def test_the_lease_of_a_process_that_is_dead_stops_nothing(empty_database_url: str) -> None:
    load(empty_database_url, "filled_0008")
    hold_lease(empty_database_url, _dead())
    with connected(empty_database_url) as connection:
        assert migrate(connection)
    # The next run takes it over, and says whose it was.
    assert value(empty_database_url, "SELECT lease_run_id FROM ingestion_state") == 1


def _dead() -> Owner:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return replace(this_process(), pid=process.pid, started=psutil.Process(process.pid).create_time())


def test_what_stops_one_migration_stops_every_later_one(database_url: str) -> None:
    execute_outside(
        database_url,
        "UPDATE ingestion_state SET lease_owner = 'someone', lease_expires_at = 'infinity' WHERE stream = 'events'",
    )
    with connected(database_url) as connection, pytest.raises(LeaseHeld, match="an unknown process"):
        migrate(connection, [*load_migrations(), FURTHER])
    assert value(database_url, "SELECT to_regclass('further') IS NULL")


def test_a_run_that_opens_while_the_migration_waits_for_its_lock_is_seen(empty_database_url: str) -> None:
    load(empty_database_url, "filled_0008")
    opening = psycopg2.connect(empty_database_url)
    try:
        with opening.cursor() as cursor:
            owner = this_process().to_text()
            cursor.execute(
                "UPDATE ingestion_state SET lease_owner = %s, lease_expires_at = now() + INTERVAL '1 hour'", (owner,)
            )
        with _migrating(empty_database_url) as errors:
            eventually(lambda: _waits(empty_database_url), what="the migration to wait for the opening")
            opening.commit()
    finally:
        opening.close()
    assert [type(error) for error in errors] == [LeaseHeld]
    assert value(empty_database_url, "SELECT max(version) FROM schema_migrations") == 8


def test_a_reader_that_does_not_end_is_named_and_others_are_let_in_before_each_attempt(
    empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    load(empty_database_url, "filled_0008")
    reader = psycopg2.connect(empty_database_url, application_name="tea")
    try:
        with reader.cursor() as cursor:
            cursor.execute("SELECT FROM ingestion_pages")
        with connected(empty_database_url) as connection, pytest.raises(StorageUnavailable) as refusal:
            migrate(connection, locks_within_seconds=0)
        assert str(refusal.value).endswith(
            "migration 0012_streams_and_slices waits for a lock on our tables:"
            f" process {reader.info.backend_pid} (tea, idle in transaction) has one"
        )
        with _migrating(empty_database_url) as errors:
            eventually(lambda: _waits(empty_database_url), what="the migration to wait for the reader")
            # It waits behind the migration, and comes in before the next attempt.
            assert value(empty_database_url, "SELECT count(*) FROM ingestion_state") == 1
            eventually(lambda: "trying again" in caplog.text, what="another attempt")
            reader.rollback()
    finally:
        reader.close()
    assert errors == []
    assert value(empty_database_url, "SELECT max(version) FROM schema_migrations") == len(load_migrations())


@contextmanager
def _migrating(url: str) -> Iterator[list[DatasyncError]]:
    """In a thread of its own, until it has ended; gives what it raised."""
    errors: list[DatasyncError] = []

    def run() -> None:
        try:
            with connected(url) as connection:
                migrate(connection)
        except DatasyncError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield errors
    finally:
        thread.join(60)
        assert not thread.is_alive()


def _waits(url: str) -> Any:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'relation'"
    return rows(url, waiting)[0][0]


def test_a_look_ahead_that_has_lost_its_client_ends_by_itself(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[str] = []

    def looked(cursor: Any) -> list[Any]:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        limits.extend(cursor.fetchone())
        return []

    monkeypatch.setattr(upgrade, "read_live_runs", looked)
    execute_outside(
        database_url, "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    )
    with connected(database_url) as connection:
        assert upgrade.look_ahead(connection).pending
    assert limits == ["10s"]
