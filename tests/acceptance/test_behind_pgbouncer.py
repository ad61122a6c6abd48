"""Everything by way of a PgBouncer in transaction mode, which has three connections to the server for all of it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datasync_spider.errors import StorageUnavailable
from datasync_spider.storage.connection import connected, translated
from datasync_spider.storage.migrate import migrate
from datasync_spider.storage.status import read_state
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.collection import item, park, serving_collection
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.filesources import assert_totals, write_sources
from tests.support.ledger import committed_pages, last_run, wait_for_pages
from tests.support.mock import MockApi
from tests.support.pgbouncer import CONNECTIONS, PgBouncer, needs_pgbouncer
from tests.support.postgres import OwnServer
from tests.support.tenants import tenants_api, tenants_file
from tests.support.truth import assert_exact
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]

pytestmark = needs_pgbouncer

TENANTS = "abcdef"
INDEX = "park__items_size_bigint"


@pytest.fixture
def bouncer(postgres_url: str) -> Iterator[PgBouncer]:
    with PgBouncer(postgres_url) as found:
        yield found


def test_a_crawl_that_is_killed_in_the_middle_and_one_that_loses_pgbouncer_end_exact(
    slow_mock: MockApi, start_crawl: StartCrawl, bouncer: PgBouncer, database_url: str
) -> None:
    settings = {
        "DATABASE_URL": bouncer.url(database_url),
        "API_PAGE_LIMIT": "100",
        "WRITE_BATCH_SIZE": "200",
        "WRITE_CONCURRENCY": "4",
    }
    killed = start_crawl(slow_mock.base_url, **settings)
    wait_for_pages(database_url, 10)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL

    crawl = start_crawl(slow_mock.base_url, **settings)
    wait_for_pages(database_url, committed_pages(database_url) + 10)
    bouncer.kill()
    eventually(lambda: "PostgreSQL: " in crawl.log, what="a batch that meets no pgbouncer")
    bouncer.restart()
    assert crawl.wait() == 0, crawl.log
    assert last_run(database_url) == ("complete", "last_page")
    assert rows(database_url, "SELECT status FROM ingestion_runs WHERE reason = 'lost'") == [("failed",)]
    assert_exact(database_url, 8000)


def test_twelve_slices_of_two_streams_side_by_side_are_exact(
    tmp_path: Path, bouncer: PgBouncer, database_url: str
) -> None:
    tokens = {name: f"token-of-{name}-4711" for name in TENANTS}
    with tenants_api(tokens, count=23) as api:
        text = tenants_file(
            api.base_url, '{ type = "bearer", token = "secret:TOKEN_{slice.tenant}" }', slices=list(TENANTS)
        )
        done = scrapy(
            *("sync", "shop", "store", "--json", "--concurrency", "12"),
            **write_sources(tmp_path / "sources", shop=text, store=text.replace('"shop"', '"store"')),
            **{f"TOKEN_{name}": token for name, token in tokens.items()},
            DATABASE_URL=bouncer.url(database_url),
            DATASYNC_HOME=str(tmp_path / "home"),
            WRITE_BATCH_SIZE="5",
        )
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout.splitlines()[-1])["total"]
    assert whole["by_status"] == {"complete": 12}
    for name in ("shop", "store"):
        stored = f"SELECT count(*), count(DISTINCT (slice_id, event_id)), count(DISTINCT slice_id) FROM {name}__records"
        assert rows(database_url, stored) == [(6 * 23, 6 * 23, 6)]
        assert_totals(database_url, f"{name}__records", f"{name}.records")
    assert len(bouncer.connections()) <= CONNECTIONS


def test_every_command_does_with_a_single_connection_and_leaves_nothing_on_it(
    tmp_path: Path, postgres_url: str, empty_database_url: str
) -> None:
    records = [*(item(f"r{n}", n * 60, size=n) for n in range(7)), item("", 900, size=8)]
    columns = 'columns = ["auto", { path = "size", index = true }]'
    exported = tmp_path / "items.jsonl"
    with PgBouncer(postgres_url, connections=1) as bouncer, serving_collection("newest-first", records) as api:
        url = bouncer.url(empty_database_url)
        settings = {
            **park(tmp_path / "sources", api, '{ type = "known" }', columns),
            "DATABASE_URL": url,
            "DATASYNC_HOME": str(tmp_path / "home"),
            "STREAM": "park.items",
        }
        for command, said in (
            (["migrate"], "applied: 0001_init"),
            (["crawl", "park.items"], f"making the index {INDEX}"),
            (["doctor"], "the schema is up to date"),
            (["status"], "complete"),
            (["streams"], "public.park__items"),
            (["verify"], "everything holds"),
            (["rejected"], "id_empty"),
            (["replay"], "1 stay rejected"),
            (["schema", "park.items"], "view public.park__items_typed"),
            (["export", "park.items", "-o", str(exported)], "7 records of park.items"),
            (["streams", "resync", "park.items"], "is due now"),
            (["psql", "--", "-Atc", "SELECT count(*) FROM park__items"], "7"),
        ):
            done = scrapy(*command, **settings)
            assert done.returncode == 0, (command, done.stderr)
            assert said in done.stdout + done.stderr
        assert {json.loads(line)["event_id"] for line in exported.read_text().splitlines()} == {
            f"r{n}" for n in range(7)
        }
        assert rows(
            empty_database_url, "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (INDEX,)
        ) == [(True,)]
        dashboard = DashboardProcess(url, tmp_path / "home")
        try:
            eventually(lambda: "park.items" in json.dumps(dashboard.state()), what="the stream on the page")
        finally:
            dashboard.end()
        # What PgBouncer itself follows for each of its clients, and sets as they have it.
        followed = "('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')"
        left = f"SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT IN {followed}"
        assert rows(url, left) == []
        assert rows(url, "SELECT locktype FROM pg_locks WHERE locktype = 'advisory'") == []


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = options"], ids=["refused", "left out"])
def test_psql_opens_although_pgbouncer_passes_no_schema_on_and_that_is_said(
    tmp_path: Path, postgres_url: str, database_url: str, more: str
) -> None:
    with PgBouncer(postgres_url, more=more) as bouncer:
        url = bouncer.url(database_url, options="-csearch_path%3Dpublic")
        ask = "SELECT count(*) FROM public.ingestion_state"
        done = scrapy("psql", "--", "-Atc", ask, DATABASE_URL=url, DATASYNC_HOME=str(tmp_path / "home"))
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
        assert "gives no session the search_path of DATABASE_URL (public)" in done.stderr


def test_a_server_that_becomes_a_standby_behind_pgbouncer_can_be_read_and_is_waited_for(own_server: OwnServer) -> None:
    with PgBouncer(own_server.url) as bouncer, connected(bouncer.url(own_server.url)) as connection:
        migrate(connection)
        own_server.become_standby()
        # To PgBouncer we are connected as before.
        assert read_state(connection, 1) is not None
        with pytest.raises(StorageUnavailable, match="the server takes no writes"), translated():
            connection.cursor().execute("UPDATE ingestion_state SET total_ingested = 0")
