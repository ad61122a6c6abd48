"""What a real server says of itself and of our rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.storage.inspection import NEEDED_RIGHTS, inspect_database
from datasync_spider.storage.migrate import load_migrations
from tests.support.database import execute_outside, rows, with_database


@pytest.fixture
def poor_role(database_url: str) -> Iterator[str]:
    """The URL of the same database for a role that may read two of its tables and do nothing else."""
    role = "poor_" + database_url.partition("/test_")[2].partition("?")[0]
    execute_outside(database_url, f"CREATE ROLE {role} LOGIN")
    execute_outside(database_url, f"GRANT SELECT ON ingested_events, schema_migrations TO {role}")
    execute_outside(database_url, "REVOKE TEMPORARY ON DATABASE " + _name(database_url) + " FROM PUBLIC")
    yield database_url.replace("postgresql://postgres@", f"postgresql://{role}@")
    execute_outside(database_url, f"DROP OWNED BY {role}")
    execute_outside(database_url, f"DROP ROLE {role}")


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def test_a_migrated_database_of_our_own_lacks_nothing(database_url: str) -> None:
    facts = inspect_database(database_url)
    assert facts.server.version_number >= 130000
    assert facts.server.encoding == "UTF8"
    assert facts.server.may_create
    assert facts.server.may_create_temporary
    assert not facts.server.is_read_only
    assert (facts.missing_rights, facts.alien_tables, facts.pending, facts.alien_schema) == ((), (), (), None)


def test_the_rights_to_every_table_and_view_are_looked_at(database_url: str) -> None:
    ours = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    tables = rows(database_url, f"SELECT relname FROM pg_class WHERE {ours}")
    assert {name for (name,) in tables} == NEEDED_RIGHTS.keys()


def test_an_empty_database_has_every_migration_pending_and_no_right_missing(empty_database_url: str) -> None:
    facts = inspect_database(empty_database_url)
    assert facts.pending == tuple(str(migration) for migration in load_migrations())
    assert facts.missing_rights == ()


def test_rights_that_are_missing_are_named_one_by_one(poor_role: str) -> None:
    facts = inspect_database(poor_role)
    assert "INSERT on ingested_events" in facts.missing_rights
    assert "SELECT on ingested_events" not in facts.missing_rights
    assert "UPDATE on ingestion_state" in facts.missing_rights
    assert "ingested_events" in facts.alien_tables
    assert not facts.server.may_create
    assert not facts.server.may_create_temporary


def test_a_schema_of_another_version_is_reported_as_such(database_url: str) -> None:
    execute_outside(database_url, "INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 'x', now())")
    assert "from_the_future" in (inspect_database(database_url).alien_schema or "")


def test_a_database_that_is_read_only_by_default_is_reported_as_such(database_url: str) -> None:
    execute_outside(database_url, f"ALTER DATABASE {_name(database_url)} SET default_transaction_read_only = on")
    server = inspect_database(database_url).server
    assert server.is_read_only_by_default
    assert not server.is_read_only


def test_a_database_that_is_not_there_is_an_error_of_ours(database_url: str) -> None:
    with pytest.raises((StorageUnavailable, StorageRefused)):
        inspect_database(with_database(database_url, "no_such_database"))


def test_looking_changes_nothing(empty_database_url: str) -> None:
    inspect_database(empty_database_url)
    assert inspect_database(empty_database_url).pending == tuple(str(migration) for migration in load_migrations())
