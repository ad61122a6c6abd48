"""What a transaction of ours may keep from others, and how long it waits for what others keep."""

from __future__ import annotations

import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.storage.connection import Connection, connected, translated
from datasync_spider.storage.event_ids import id_snapshot
from datasync_spider.storage.exports import take_snapshot
from datasync_spider.storage.runs import read_run
from tests.support.database import execute_outside, rows, value
from tests.support.runs import EVENTS
from tests.support.waiting import eventually

LIMITS = "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')"


def test_one_that_only_reads_and_falls_silent_gives_its_locks_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Connection.begin.__kwdefaults__ is not None
    monkeypatch.setitem(Connection.begin.__kwdefaults__, "idle_timeout_ms", 300)
    with connected(database_url) as lost, lost.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ingestion_runs")
        pid = lost.info.backend_pid
        assert value(database_url, "SELECT count(*) FROM pg_locks WHERE pid = %s AND relation IS NOT NULL", (pid,)) > 0
        eventually(
            lambda: not rows(database_url, "SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)), what="its end"
        )
        with pytest.raises(StorageUnavailable), translated():
            cursor.execute("SELECT 1")
    execute_outside(database_url, "ALTER TABLE ingestion_runs ADD COLUMN extra text")


def test_none_may_be_idle_for_ever(database_url: str) -> None:
    with connected(database_url) as connection, pytest.raises(AssertionError):
        connection.begin(idle_timeout_ms=0)


def test_what_is_read_piece_by_piece_and_handed_on_may_stand_still_for_longer(database_url: str) -> None:
    with connected(database_url) as connection:
        take_snapshot(connection)
        assert _limits(connection) == ("1h", "10s")
        connection.rollback()
        assert _limits(connection) == ("10s", "10s")
    with id_snapshot(database_url, EVENTS) as snapshot:
        assert _limits(snapshot._connection) == ("1h", "10s")


def test_a_look_at_what_someone_has_locked_ends_with_what_to_do(database_url: str) -> None:
    with connected(database_url) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE ingestion_runs")
        with (
            connected(database_url, lock_timeout_ms=100) as connection,
            pytest.raises(StorageUnavailable, match=r"lock timeout \(another transaction, such as a migration, .*try"),
        ):
            read_run(connection, 1)


def _limits(connection: Connection) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(LIMITS)
        return tuple(cursor.fetchone())
