"""Databases of version 0.1.0 come along: what its crawls have left is what the next version finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.shape import find_faults, read_tables
from datasync_spider.storage.upgrade import look_ahead
from tests.support.database import execute_outside, fresh_database, rows, value
from tests.support.olddatabases import NAMES, contents, load, physical_rows, statements

KEEPERS = {"filled": "events", "several": "events", "prod": "prod", "seed": "events"}

# Waits belong to credentials since: test_credentials.py follows them.
GONE = {"pass_shared", "closed_until", "advised_until"}


@pytest.fixture(params=NAMES)
def old_database(request: pytest.FixtureRequest, empty_database_url: str) -> tuple[str, str]:
    """Its name and its URL."""
    load(empty_database_url, request.param)
    return request.param, empty_database_url


def _migrate(url: str, upto: int | None = None) -> None:
    with connected(url) as connection:
        migrate(connection, load_migrations()[:upto])


def test_everything_is_as_before_under_the_slice_of_its_stream(old_database: tuple[str, str]) -> None:
    name, url = old_database
    before, lying = contents(url), physical_rows(url, "ingested_events")
    _migrate(url)
    after = contents(url)
    assert physical_rows(url, "ingested_events") == lying
    slices = {row["stream"]: row["id"] for row in after["ingestion_state"]}
    for table in ("ingestion_runs", "ingestion_pages", "rejected_events", "event_conflicts"):
        assert {row["slice_id"] == slices[row["stream"]] for row in after[table]} <= {True}
        assert _sorted(_as_before(row, before[table]) for row in after[table]) == _sorted(before[table])
    keeper = KEEPERS[name.partition("_")[0]]
    if not name.startswith("several"):
        state = [_as_before(row, before["ingestion_state"]) for row in after["ingestion_state"]]
        assert _sorted(state) == _sorted(
            {k: v for k, v in row.items() if k not in GONE} for row in before["ingestion_state"]
        )
    assert value(url, "SELECT name FROM ingestion_streams WHERE table_name = 'ingested_events'") == keeper
    with connected(url) as connection:
        assert find_faults(connection) == []


def _as_before(row: dict[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: row[name] for name in row if not before or name in before[0]}


def _sorted(rows_: Any) -> list[Any]:
    return sorted(rows_, key=str)


def test_of_several_streams_events_keeps_the_table_and_the_others_begin_anew(empty_database_url: str) -> None:
    load(empty_database_url, "several_0011")
    _migrate(empty_database_url)
    query = """
        SELECT state.stream, table_name, cursor, pass_number, pass_kind, pass_status, total_ingested,
               total_adopted, total_rejected, first_run_id
        FROM ingestion_state AS state JOIN ingestion_streams USING (stream_id) ORDER BY id
    """
    assert rows(empty_database_url, query) == [
        # Rows of others prove no ground: the whole feed is read again. Runs of events are listed as before.
        ("events", "ingested_events", "c3", 1, "full", "short", 28, 46, 2, 0),
        ("b", None, None, 2, "incremental", "new", 0, 0, 3, 4),
        ("c", None, None, 1, "full", "new", 0, 0, 1, 5),
    ]
    ends = "SELECT min(occurred_at), max(occurred_at) FROM ingested_events"
    marks = "SELECT oldest_occurred_at, newest_occurred_at FROM ingestion_state WHERE stream = 'events'"
    assert rows(empty_database_url, ends) == rows(empty_database_url, marks)


def test_an_open_incremental_sync_among_rows_of_others_goes_on_to_the_end(empty_database_url: str) -> None:
    load(empty_database_url, "several_0008")
    execute_outside(empty_database_url, "UPDATE ingestion_state SET pass_status = 'open', pass_kind = 'incremental'")
    _migrate(empty_database_url)
    query = "SELECT cursor, pass_kind, pass_status FROM ingestion_state WHERE stream = 'events'"
    assert rows(empty_database_url, query) == [("c3", "full", "open")]


def test_a_stream_that_was_begun_and_has_stored_nothing_takes_no_proof_from_events(empty_database_url: str) -> None:
    load(empty_database_url, "filled_0008")
    execute_outside(
        empty_database_url,
        "INSERT INTO ingestion_state (id, stream, pass_number, pass_status) VALUES (2, 'b', 1, 'open');"
        "UPDATE ingestion_state SET pass_status = 'complete' WHERE stream = 'events'",
    )
    _migrate(empty_database_url)
    query = "SELECT stream, pass_status, total_adopted FROM ingestion_state ORDER BY id"
    assert rows(empty_database_url, query) == [("events", "complete", 0), ("b", "new", 0)]


def test_a_stream_whose_row_was_deleted_by_hand_keeps_its_fence_its_passes_and_its_dead_letters(
    empty_database_url: str,
) -> None:
    load(empty_database_url, "several_0008")
    execute_outside(empty_database_url, "DELETE FROM ingestion_state WHERE stream = 'b'")
    _migrate(empty_database_url)
    query = """
        SELECT stream, fence, pass_number, pass_status, total_ingested, total_rejected, total_adopted
        FROM ingestion_state WHERE stream IN ('events', 'b') ORDER BY stream
    """
    assert rows(empty_database_url, query) == [("b", 2, 2, "new", 0, 3, 0), ("events", 1, 1, "short", 28, 2, 46)]
    dead_letters = """
        SELECT count(*), min(letter.stream), max(letter.stream)
        FROM rejected_events AS letter JOIN ingestion_state AS slice ON slice.id = slice_id WHERE slice.stream = 'b'
    """
    assert rows(empty_database_url, dead_letters) == [(3, "b", "b")]


def test_two_other_streams_leave_the_table_to_events_although_it_was_never_begun(empty_database_url: str) -> None:
    load(empty_database_url, "several_0008")
    execute_outside(
        empty_database_url,
        "DELETE FROM event_conflicts WHERE stream = 'events'; DELETE FROM rejected_events WHERE stream = 'events';"
        "DELETE FROM ingestion_pages WHERE stream = 'events'; DELETE FROM ingestion_runs WHERE stream = 'events';"
        "DELETE FROM ingestion_state WHERE stream = 'events'",
    )
    _migrate(empty_database_url)
    query = """
        SELECT state.stream, table_name, total_adopted
        FROM ingestion_state AS state JOIN ingestion_streams USING (stream_id) ORDER BY state.stream
    """
    assert rows(empty_database_url, query) == [("b", None, 0), ("c", None, 0), ("events", "ingested_events", 46)]
    assert value(empty_database_url, "SELECT count(DISTINCT slice_id) FROM ingestion_pages") == 2


def test_what_is_foretold_of_the_streams_is_what_the_migration_does(old_database: tuple[str, str]) -> None:
    _, url = old_database
    with connected(url) as connection:
        foretold = look_ahead(connection).sharing
    _migrate(url)
    query = """
        SELECT state.stream FROM ingestion_state AS state JOIN ingestion_streams USING (stream_id)
        WHERE table_name IS NULL AND first_run_id > 0
    """
    anew = {stream for (stream,) in rows(url, query)}
    assert anew == (set(foretold.others) if foretold else set())
    if foretold:
        adopted = value(url, "SELECT total_adopted FROM ingestion_state WHERE stream = %s", (foretold.keeper,))
        assert adopted == sum(foretold.others.values())
        assert foretold.rows == value(url, "SELECT count(*) FROM ingested_events")


@pytest.mark.parametrize("name", ["filled_0008", "several_0011", "prod_0008"])
def test_a_migration_that_dies_at_any_of_its_statements_leaves_nothing_and_ends_the_same_the_next_time(
    postgres_url: str, empty_database_url: str, name: str
) -> None:
    url = empty_database_url
    load(url, name)
    with fresh_database(postgres_url, "template0") as other:
        load(other, name)
        _migrate(other)
        uninterrupted = contents(other)
    for migration in load_migrations():
        if migration.version <= int(name[-4:]):
            continue
        before, shapes = contents(url), _shapes(url)
        steps = statements(migration.sql)
        for count in range(1, len(steps) + 1):
            with _dying(url) as cursor:
                for step in steps[:count]:
                    cursor.execute(step)
            assert contents(url) == before
            assert _shapes(url) == shapes
        _migrate(url, migration.version)
    assert contents(url) == uninterrupted


def _shapes(url: str) -> Any:
    with connected(url) as connection:
        return read_tables(connection)


@contextmanager
def _dying(url: str) -> Iterator[Any]:
    """A transaction whose server process is ended in the middle of it."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            yield cursor
        value(url, "SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
    finally:
        connection.close()
