"""Connections that nobody speaks to any more are ended by those who may, and nobody else's are."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from datasync_spider.storage.backends import end_backends_of_earlier_runs, end_lost_backends, label
from datasync_spider.storage.connect import Connection, connect, connected
from tests.support.runs import open_test_run
from tests.support.waiting import eventually


def is_ended(connection: Connection) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return True
    connection.rollback()
    return False


def test_a_new_run_ends_what_earlier_runs_of_its_stream_have_left_and_nothing_else(database_url: str) -> None:
    old = open_test_run(database_url)
    other = open_test_run(database_url, "another-stream")
    new = open_test_run(database_url)
    with (
        closing(connect(database_url, label=label(old.run_id, "writer 1"))) as zombie,
        closing(connect(database_url, label=label(other.run_id, "writer 1"))) as of_another_stream,
        closing(connect(database_url, label=label(new.run_id, "writer 1"))) as own,
        closing(connect(database_url, label=f"datasync run {old.run_id}0 writer 1")) as of_no_run,
        closing(connect(database_url, label="somebody else")) as of_somebody,
        connected(database_url) as connection,
    ):
        end_backends_of_earlier_runs(connection, new)
        eventually(lambda: is_ended(zombie), what="the zombie's connection to end")
        assert not any(map(is_ended, (of_another_stream, own, of_no_run, of_somebody)))


def test_a_writer_that_reconnects_ends_the_connection_that_it_lost_and_keeps_its_own(database_url: str) -> None:
    with (
        closing(connect(database_url, label=label(7, "writer 1"))) as lost,
        closing(connect(database_url, label=label(7, "writer 2"))) as neighbour,
        closing(connect(database_url, label=label(7, "writer 1"))) as fresh,
    ):
        end_lost_backends(fresh, label(7, "writer 1"))
        eventually(lambda: is_ended(lost), what="the lost connection to end")
        assert not is_ended(neighbour)
        assert not is_ended(fresh)


def test_a_role_that_may_not_end_others_is_told_so_and_goes_on(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = open_test_run(database_url)
    with connected(database_url) as connection, connection.cursor() as cursor:
        # Revoked in this transaction, which the refusal rolls back.
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_terminate_backend(integer, bigint) FROM PUBLIC")
        cursor.execute("CREATE ROLE datasync_without_rights")
        cursor.execute("GRANT SELECT ON ingestion_runs TO datasync_without_rights")
        cursor.execute("SET LOCAL ROLE datasync_without_rights")
        end_backends_of_earlier_runs(connection, run)
        cursor.execute("SELECT 1")
    assert "could not be ended" in caplog.text
