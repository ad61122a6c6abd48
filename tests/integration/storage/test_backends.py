"""Connections that no one speaks to any more are ended by those who may, and no one else's are."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from datasync_spider.storage.backends import end_backends_of_earlier_runs, end_lost_backends
from datasync_spider.storage.connection import Connection, connect, connected, limit_transaction
from datasync_spider.storage.registry import Slice
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


def writing(url: str, slice_: Slice, name: str) -> Connection:
    """A connection in the middle of a transaction of the slice's."""
    connection = connect(url, label=name)
    limit_transaction(connection, 60_000, slice_id=slice_.slice_id)
    return connection


def test_a_new_run_ends_what_is_still_being_written_to_its_slice_and_nothing_else(database_url: str) -> None:
    old = open_test_run(database_url)
    other = open_test_run(database_url, "another-stream")
    new = open_test_run(database_url)
    # The name says nothing of the slice: one connection may serve many, one after the other.
    served_many = connect(database_url, label="datasync pool")
    limit_transaction(served_many, 60_000, slice_id=new.slice.slice_id)
    served_many.commit()
    limit_transaction(served_many, 60_000, slice_id=other.slice.slice_id)
    with (
        closing(writing(database_url, old.slice, "datasync 1")) as zombie,
        closing(writing(database_url, old.slice, "datasync pool")) as pooled,
        closing(writing(database_url, other.slice, "datasync 2")) as of_another_stream,
        closing(connect(database_url, label="datasync 3")) as idle,
        closing(writing(database_url, old.slice, "another process")) as of_someone,
        closing(served_many),
        connected(database_url) as connection,
    ):
        end_backends_of_earlier_runs(connection, new)
        eventually(lambda: is_ended(zombie), what="the zombie's connection to end")
        eventually(lambda: is_ended(pooled), what="the pool's connection to end")
        assert not any(map(is_ended, (of_another_stream, idle, of_someone, served_many)))


def test_a_run_that_was_taken_over_ends_nothing(database_url: str) -> None:
    old, new = open_test_run(database_url), open_test_run(database_url)
    with (
        closing(writing(database_url, new.slice, "datasync 4")) as writer,
        connected(database_url) as connection,
    ):
        end_backends_of_earlier_runs(connection, old)
        assert not is_ended(writer)


def test_a_writer_that_reconnects_ends_the_connection_that_it_lost_and_keeps_its_own(database_url: str) -> None:
    with (
        closing(connect(database_url, label="datasync 7 1")) as lost,
        closing(connect(database_url, label="datasync 7 2")) as neighbour,
        closing(connect(database_url, label="datasync 7 1")) as fresh,
    ):
        end_lost_backends(fresh, "datasync 7 1")
        eventually(lambda: is_ended(lost), what="the lost connection to end")
        assert not is_ended(neighbour)
        assert not is_ended(fresh)


def test_a_role_that_may_not_end_others_is_warned_of_and_goes_on(
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
