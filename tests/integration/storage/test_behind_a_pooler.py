"""What a pooler does with a connection: settings of a session that it drops or refuses, and servers that it changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import migrate
from tests.support.database import execute_outside, value
from tests.support.pages import page
from tests.support.pgbouncer import PgBouncer, needs_pgbouncer
from tests.support.runs import run_writer

pytestmark = needs_pgbouncer

_PATH = "-csearch_path%3Dother"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGOPTIONS", raising=False)


@pytest.fixture
def bouncer(postgres_url: str) -> Iterator[PgBouncer]:
    with PgBouncer(postgres_url) as found:
        yield found


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = options"])
def test_a_search_path_of_the_url_counts_whether_the_pooler_refuses_options_or_drops_them(
    postgres_url: str, database_url: str, more: str
) -> None:
    execute_outside(database_url, "CREATE SCHEMA other")
    with PgBouncer(postgres_url, more=more) as bouncer:
        url = bouncer.url(database_url, options=_PATH)
        with connected(url) as connection:
            assert migrate(connection)
        with run_writer(url) as run:
            run.write(page(1, ["a"]))
    assert value(database_url, "SELECT count(*) FROM other.ingested_events") == 1
    assert value(database_url, "SELECT count(*) FROM public.ingested_events") == 0


@pytest.mark.parametrize(
    ("variables", "options", "said"),
    [
        ({}, "-cwork_mem%3D8MB", "the options of DATABASE_URL: a pooler takes no settings"),
        ({"PGOPTIONS": "-c work_mem=8MB"}, None, "PGOPTIONS: a pooler takes no settings"),
        ({"PGGEQO": "off"}, None, "PGGEQO: a pooler takes no settings .* ignore_startup_parameters = geqo"),
    ],
)
def test_other_settings_that_a_pooler_takes_from_nobody_are_refused_with_what_to_do(
    bouncer: PgBouncer,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: str | None,
    said: str,
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    url = bouncer.url(database_url, **({} if options is None else {"options": options}))
    with pytest.raises(StorageRefused, match=said), connected(url):
        pass


def test_a_password_that_pgbouncer_does_not_take_is_reported_at_once(bouncer: PgBouncer, database_url: str) -> None:
    url = bouncer.url(database_url).replace("b-4711", "another")
    with pytest.raises(StorageRefused, match="user and password of DATABASE_URL: correct them"), connected(url):
        pass
