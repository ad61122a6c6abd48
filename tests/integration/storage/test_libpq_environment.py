"""Variables of another project lead no one to another database, and one that libpq refuses is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.storage.connection import connected
from datasync_spider.storage.status import read_state
from tests.support.database import fresh_database


@pytest.fixture
def elsewhere(
    postgres_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[pytest.MonkeyPatch]:
    """Everything points to another database, where there are no tables."""
    with fresh_database(postgres_url, "template0") as other, monkeypatch.context() as patch:
        parts = parse_dsn(other)
        services = tmp_path / "services"
        lines = "\n".join(f"{name}={parts[name]}" for name in ("host", "port", "dbname", "user"))
        services.write_text(f"[theirs]\n{lines}\n")
        patch.setenv("PGHOST", parts["host"])
        patch.setenv("PGHOSTADDR", "127.0.0.1")
        patch.setenv("PGPORT", "1")
        patch.setenv("PGDATABASE", parts["dbname"])
        patch.setenv("PGUSER", "nobody")
        patch.setenv("PGSERVICE", "theirs")
        patch.setenv("PGSERVICEFILE", str(services))
        patch.setenv("PGAPPNAME", "theirs")
        patch.setenv("PGCONNECT_TIMEOUT", "nonsense")
        yield patch


@pytest.mark.usefixtures("elsewhere")
def test_the_url_alone_says_where_the_database_is(database_url: str) -> None:
    with connected(database_url) as connection:
        assert connection.info.dbname == parse_dsn(database_url)["dbname"]
        assert read_state(connection, 1) is not None


@pytest.mark.usefixtures("elsewhere")
def test_a_url_without_a_host_does_not_go_to_that_of_the_environment() -> None:
    with pytest.raises(StorageUnavailable) as raised, connected("postgresql://x@/none?port=1"):
        pass
    assert "datasync-tests" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


def test_a_service_of_the_url_is_used(database_url: str, tmp_path: Path, elsewhere: pytest.MonkeyPatch) -> None:
    parts = parse_dsn(database_url)
    services = tmp_path / "ours"
    lines = "\n".join(f"{name}={parts[name]}" for name in ("host", "dbname", "user"))
    services.write_text(f"[ours]\n{lines}\n")
    elsewhere.setenv("PGSERVICEFILE", str(services))
    with connected("postgresql://?service=ours") as connection:
        assert read_state(connection, 1) is not None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGSSLMODE", "nonsense"),
        ("PGTARGETSESSIONATTRS", "nonsense"),
        ("PGLOADBALANCEHOSTS", "nonsense"),
        ("PGSSLNEGOTIATION", "nonsense"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGTZ", "Nowhere/Nothing"),
        ("PGDATESTYLE", "nonsense"),
    ],
)
def test_a_variable_that_is_refused_is_named_and_not_tried_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StorageRefused, match=f"this is {variable} of the environment"), connected(database_url):
        pass


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGCHANNELBINDING", "require"),
        ("PGGSSENCMODE", "require"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGOPTIONS", "-c nonsense=1"),
        ("PGGEQO", "nonsense"),
    ],
)
def test_one_whose_value_no_message_repeats_is_named_among_those_that_count(
    database_url: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises((StorageRefused, StorageUnavailable), match=variable), connected(database_url):
        pass


def test_no_value_of_a_secret_is_reported(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hush-hush")
    with pytest.raises(StorageUnavailable) as raised, connected(database_url.replace("port=5432", "port=1")):
        pass
    assert "PGPASSWORD" in str(raised.value)
    assert "hush" not in str(raised.value)
