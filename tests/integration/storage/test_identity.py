"""Which database is meant, by whatever address it is reached."""

from __future__ import annotations

import pytest

from datasync_spider.errors import ConfigurationError
from datasync_spider.storage.connection import connected
from datasync_spider.storage.identity import EXPECTED, check_identity, identity_of
from tests.support.database import execute_outside
from tests.support.limitedrole import LimitedRole


def identity(database_url: str) -> str:
    with connected(database_url) as connection:
        return identity_of(connection)


def test_a_database_is_the_same_by_any_address_and_no_other_one_is(database_url: str, empty_database_url: str) -> None:
    own = identity(database_url)
    separator = "&" if "?" in database_url else "?"
    assert identity(f"{database_url}{separator}application_name=another") == own
    assert identity(empty_database_url) != own
    execute_outside(database_url, "CREATE SCHEMA elsewhere")
    assert identity(f"{database_url}{separator}options=-csearch_path%3Delsewhere") != own
    with connected(database_url) as connection:
        check_identity(connection, {EXPECTED: own})
        check_identity(connection, {})
    with (
        connected(empty_database_url) as connection,
        pytest.raises(ConfigurationError, match="give the same one to all"),
    ):
        check_identity(connection, {EXPECTED: own})


def test_a_role_that_may_not_know_the_servers_number_expects_nothing(database_url: str, role: LimitedRole) -> None:
    execute_outside(database_url, "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC")
    assert identity(role.url) == ""
    with connected(role.url) as connection:
        check_identity(connection, {EXPECTED: "7000000000000000000/1/public"})
