"""Migrations: in order, once, and never on a past that is not ours."""

import threading
from pathlib import Path

import pytest

from datasync_spider.errors import MigrationError
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import Migration, load_migrations, migrate, pending_migrations
from datasync_spider.storage.statements import statement
from tests.support.database import execute_outside, rows, value
from tests.support.waiting import eventually


def test_an_empty_database_gets_all_tables_and_the_second_time_nothing(empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        assert migrate(connection) == load_migrations()
        assert migrate(connection) == []
        assert pending_migrations(connection, load_migrations()) == []
    tables = {
        name for (name,) in rows(empty_database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }
    assert {"ingested_events", "ingestion_state", "ingestion_runs", "ingestion_pages", "rejected_events"} <= tables


def test_processes_that_migrate_at_the_same_time_apply_each_migration_once(empty_database_url: str) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            with connected(empty_database_url) as connection:
                migrate(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert value(empty_database_url, "SELECT count(*) FROM schema_migrations") == len(load_migrations())


def test_one_that_has_looked_before_it_waited_sees_what_another_has_applied_meanwhile(empty_database_url: str) -> None:
    """A backend remembers that there was no such table, and an advisory lock does not make it forget."""
    applied: list[Migration] = []
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with connected(empty_database_url) as first, connected(empty_database_url) as second:
        assert pending_migrations(second, load_migrations()) == load_migrations()
        second.rollback()
        with first.cursor() as cursor:
            cursor.execute(statement("lock_migrations"))
            thread = threading.Thread(target=lambda: applied.extend(migrate(second)))
            thread.start()
            eventually(lambda: value(empty_database_url, waits) == 1, what="the second one waits")
            cursor.execute(statement("create_migrations_table"))
            migration = load_migrations()[0]
            cursor.execute(migration.sql)
            record = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
            cursor.execute(statement("record_migration"), record)
        first.commit()
        thread.join(60)
    assert applied == load_migrations()[1:]


def test_a_database_of_the_first_version_is_adopted_with_its_rows_and_goes_on_at_its_cursor(
    empty_database_url: str,
) -> None:
    execute_outside(empty_database_url, load_migrations()[0].sql)
    execute_outside(
        empty_database_url, "INSERT INTO ingestion_state (id, cursor, total_ingested) VALUES (1, 'here', 7)"
    )
    with connected(empty_database_url) as connection:
        migrate(connection)
    assert rows(empty_database_url, "SELECT stream, cursor, total_ingested, pass_status FROM ingestion_state") == [
        ("events", "here", 7, "open")
    ]


def test_a_migration_that_was_edited_after_it_was_applied_is_refused(database_url: str) -> None:
    edited = load_migrations()
    edited[0] = Migration(1, edited[0].name, edited[0].sql + "\n-- a word more")
    with connected(database_url) as connection, pytest.raises(MigrationError, match="0001_init was edited"):
        migrate(connection, edited)


def test_a_migration_that_this_version_does_not_know_is_refused(database_url: str) -> None:
    execute_outside(database_url, "INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 'x', now())")
    with connected(database_url) as connection, pytest.raises(MigrationError, match="9999_from_the_future"):
        migrate(connection)


def test_a_migration_that_fails_leaves_those_before_it_and_nothing_of_itself(empty_database_url: str) -> None:
    migrations = [
        Migration(1, "good", "CREATE TABLE good (a int)"),
        Migration(2, "bad", "CREATE TABLE bad (a int); SELECT 1/0"),
    ]
    with connected(empty_database_url) as connection, pytest.raises(MigrationError, match="0002_bad failed"):
        migrate(connection, migrations)
    assert value(empty_database_url, "SELECT to_regclass('good') IS NOT NULL")
    assert value(empty_database_url, "SELECT to_regclass('bad') IS NULL")


def test_migration_files_are_named_and_numbered_without_a_gap(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("SELECT 1")
    (tmp_path / "0003_third.sql").write_text("SELECT 3")
    with pytest.raises(MigrationError, match="without a gap"):
        load_migrations(tmp_path)
    (tmp_path / "second.sql").write_text("SELECT 2")
    with pytest.raises(MigrationError, match=r"second\.sql is no migration"):
        load_migrations(tmp_path)
