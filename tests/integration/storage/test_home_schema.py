"""The tables stay where they are, whatever the search path says, and a name means them alone."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import migrate
from datasync_spider.storage.status import read_state
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import run_writer

SHADOWS = "(event_id TEXT PRIMARY KEY, occurred_at TIMESTAMPTZ, payload JSONB, ingested_at TIMESTAMPTZ DEFAULT now())"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)


def along(url: str, path: str) -> str:
    """With this search path in the URL."""
    return f"{url}&options={quote(f'-csearch_path={path}')}"


def write_known_and_new(url: str) -> None:
    """The second batch needs the staging table."""
    with run_writer(url) as run:
        run.write(page(1, ["a", "b"]))
        run.write(page(2, [event("a", payload=b'{"id":"other"}'), event("c")], ends_pass="last_page"))


def test_a_table_of_that_name_in_an_earlier_schema_is_not_written(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_outside(database_url, "CREATE SCHEMA other")
    for name in ("ingested_events", "staged_events", "schema_migrations"):
        execute_outside(database_url, f"CREATE TABLE other.{name} {SHADOWS}")
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=other,public")
    write_known_and_new(database_url)
    with connected(database_url) as connection:
        assert migrate(connection) == []
    assert value(database_url, "SELECT count(*) FROM public.ingested_events") == 3
    assert value(database_url, "SELECT count(*) FROM other.ingested_events") == 0


def test_a_table_named_as_our_temporary_one_is_not_written(database_url: str) -> None:
    execute_outside(database_url, f"CREATE TABLE staged_events {SHADOWS}")
    write_known_and_new(database_url)
    assert value(database_url, "SELECT count(*) FROM staged_events") == 0
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 1


def test_a_temporary_table_does_not_stand_before_ours(database_url: str) -> None:
    # As a pooler's session may have one, left by another process.
    with run_writer(database_url) as run:
        with run.connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE ingested_events (event_id TEXT, occurred_at TIMESTAMPTZ, payload JSONB)"
            )
            cursor.execute("CREATE TEMPORARY TABLE ingestion_state (LIKE public.ingestion_state)")
            run.connection.commit()
        run.write(page(1, ["a"]))
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 1


def test_a_function_of_the_schema_does_not_stand_before_the_systems(database_url: str) -> None:
    execute_outside(
        database_url, "CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT $1'"
    )
    execute_outside(
        database_url, "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"
    )
    with run_writer(along(database_url, "public,pg_catalog")) as run:
        run.write(page(1, ["a"]))
    assert rows(database_url, "SELECT ingested_at IS NOT NULL FROM ingested_events") == [(True,)]


def test_the_tables_stay_where_they_are_when_a_schema_comes_before_theirs(database_url: str) -> None:
    write_known_and_new(database_url)
    # As "$user" does when a schema of the role's name is made.
    execute_outside(database_url, "CREATE SCHEMA postgres")
    with connected(database_url) as connection:
        assert (read_state(connection, 1) or {})["total_ingested"] == 3
        assert migrate(connection) == []


def test_a_path_without_the_tables_is_refused_and_says_where_they_are(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_outside(database_url, "CREATE SCHEMA other")
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=other")
    with (
        connected(database_url) as connection,
        pytest.raises(StorageRefused, match="schema public, and search_path has other"),
    ):
        migrate(connection)
    assert rows(database_url, "SELECT 1 FROM pg_tables WHERE schemaname = 'other'") == []


def test_a_path_of_the_url_itself_makes_tables_of_their_own(database_url: str) -> None:
    execute_outside(database_url, 'CREATE SCHEMA "Other one"')
    url = along(database_url, '"Other\\ one"')
    with connected(url) as connection:
        assert migrate(connection)
    write_known_and_new(url)
    assert value(database_url, 'SELECT count(*) FROM "Other one".ingested_events') == 3
    assert value(database_url, "SELECT count(*) FROM public.ingested_events") == 0


def test_the_tables_of_another_role_are_none_of_ours(database_url: str) -> None:
    execute_outside(database_url, "CREATE ROLE role_of_another LOGIN")
    execute_outside(database_url, "CREATE SCHEMA theirs AUTHORIZATION role_of_another")
    try:
        url = database_url.replace("//postgres@", "//role_of_another@")
        execute_outside(database_url, "ALTER ROLE role_of_another SET search_path = theirs")
        with connected(url) as connection:
            assert migrate(connection)
        assert value(database_url, "SELECT count(*) FROM theirs.ingestion_state") == 1
    finally:
        execute_outside(database_url, "DROP OWNED BY role_of_another CASCADE")
        execute_outside(database_url, "DROP ROLE role_of_another")


def test_tables_that_someone_made_are_adopted_where_they_are(empty_database_url: str) -> None:
    execute_outside(empty_database_url, f"CREATE TABLE ingested_events {SHADOWS}")
    execute_outside(
        empty_database_url,
        "CREATE TABLE ingestion_state (id SMALLINT PRIMARY KEY, cursor TEXT, total_ingested BIGINT NOT NULL DEFAULT 0,"
        " updated_at TIMESTAMPTZ NOT NULL DEFAULT now())",
    )
    execute_outside(empty_database_url, "CREATE SCHEMA postgres")
    with connected(empty_database_url) as connection:
        assert migrate(connection)
    assert value(empty_database_url, "SELECT count(*) FROM pg_class WHERE relname = 'ingestion_state'") == 1


def test_a_path_of_the_url_that_is_none_is_refused_with_where_it_stands(database_url: str) -> None:
    with (
        connected(along(database_url, '"a')) as connection,
        pytest.raises(StorageRefused, match=r'"search_path".* options of DATABASE_URL'),
    ):
        read_state(connection, 1)
