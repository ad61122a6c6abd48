"""Where the database is comes from its URL alone; what else the environment adds is known by name."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.dsn import (
    connection_parameters,
    counting_variables,
    ignored_variables,
    libpq_environment,
    refused_variable,
)

ELSEWHERE = {
    "PGHOST": "elsewhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGDATABASE": "theirs",
    "PGUSER": "them",
    "PGSERVICE": "theirs",
}


def test_what_a_url_leaves_open_is_not_left_to_the_environment() -> None:
    assert connection_parameters("postgresql:///events") == {
        "host": "",
        "hostaddr": "",
        "port": "",
        "user": "",
        "dbname": "events",
    }


def test_a_service_is_that_of_the_url_and_nothing_hides_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    assert connection_parameters("postgresql://?service=ours") == {"service": "ours"}

    assert not {*ELSEWHERE} - {"PGSERVICE"} & {*os.environ}


def test_psql_is_led_to_the_same_database() -> None:
    environment = libpq_environment("postgresql://me@here/events", {**ELSEWHERE, "HOME": "/me", "PGSSLMODE": "require"})
    assert environment == {
        "PGHOST": "here",
        "PGUSER": "me",
        "PGDATABASE": "events",
        "HOME": "/me",
        "PGSSLMODE": "require",
    }


def test_a_parameter_without_a_variable_is_refused_for_psql() -> None:
    with pytest.raises(StorageRefused, match="keepalives"):
        libpq_environment("postgresql://me@here/events?keepalives=0", {})


def test_variables_are_known_for_what_they_do() -> None:
    environ = {
        **ELSEWHERE,
        "PGSSLMODE": "nonsense",
        "PGPASSWORD": "secret",
        "PGTZ": "UTC",
        "PGDATA": "/x",
        "PGAPPNAME": "x",
    }
    assert ignored_variables(environ) == [*ELSEWHERE]
    assert counting_variables(environ, "postgresql:///x") == ["PGPASSWORD", "PGSSLMODE", "PGTZ"]
    assert counting_variables(environ, "postgresql://u:p@h/x?sslmode=require") == ["PGTZ"]


def test_the_variable_that_was_refused_is_the_one_whose_value_is_quoted() -> None:
    environ = {"PGSSLMODE": "nonsense", "PGPASSWORD": "postgres", "PGTARGETSESSIONATTRS": "any"}
    url = "postgresql:///x"
    assert refused_variable(environ, url, 'invalid sslmode value: "nonsense"') == "PGSSLMODE"
    assert refused_variable(environ, url, 'password authentication failed for user "postgres"') is None
    assert refused_variable(environ, f"{url}?sslmode=nonsense", 'invalid sslmode value: "nonsense"') is None


@pytest.mark.parametrize("options", ["-c nonsense=1", "-cnonsense=1", "--nonsense=1", "-c geqo=on -c wal=nonsense"])
def test_a_word_of_the_options_that_the_server_refuses_is_theirs(options: str) -> None:
    environ = {"PGOPTIONS": options}
    message = 'FATAL: unrecognized configuration parameter "nonsense"'
    assert refused_variable(environ, "postgresql://me@here/events", message) == "PGOPTIONS"
    assert refused_variable(environ, "postgresql://me@here/events", 'FATAL: role "me" does not exist') is None


def test_a_client_behind_a_pooler_gets_no_search_path_and_nothing_of_the_environment_instead() -> None:
    url = "postgresql://me@here/events?options=-csearch_path%3Dapp"
    environment = libpq_environment(url, {"PGOPTIONS": "-cgeqo=off"}, with_path=False)
    assert environment["PGOPTIONS"] == ""
    assert libpq_environment(f"{url}%20-cwork_mem%3D9MB", {}, with_path=False)["PGOPTIONS"] == "-cwork_mem=9MB"
    assert libpq_environment(url, {})["PGOPTIONS"] == "-csearch_path=app"


@pytest.mark.parametrize("use", [connection_parameters, lambda url: libpq_environment(url, {})])
def test_a_parameter_that_libpq_does_not_know_is_named_and_nothing_else_of_the_url_is(
    use: Callable[[str], object],
) -> None:
    with pytest.raises(StorageRefused) as caught:
        use("postgresql://me:hush@here/events?sslmode=require&swimming_pool=hush")
    assert "libpq knows no parameter swimming_pool" in str(caught.value)
    assert "sslmode" not in str(caught.value)
    assert "hush" not in str(caught.value)
