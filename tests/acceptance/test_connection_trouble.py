"""Connections to PostgreSQL are cut, halved, stalled and betrayed: the run rides it out, exact to the event."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from psycopg2.extensions import parse_dsn

from bench.torture.proxy import Betrayal, Direction, Proxy
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.endpoint import Endpoint
from tests.support.ledger import wait_for_pages
from tests.support.mock import MockApi, ground_truth
from tests.support.truth import assert_exact
from tests.support.waiting import eventually

StartMock = Callable[..., MockApi]
StartCrawl = Callable[..., Crawl]
SETTINGS = {"API_PAGE_LIMIT": "200", "WRITE_BATCH_SIZE": "400"}


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    parts = parse_dsn(postgres_url)
    proxy = Proxy(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}")
    yield proxy
    proxy.close()


@pytest.fixture
def proxied_url(proxy: Proxy, database_url: str) -> str:
    return through(proxy, database_url)


def through(proxy: Proxy, url: str) -> str:
    parts = parse_dsn(url)
    return f"postgresql://{parts['user']}@127.0.0.1:{proxy.port}/{parts['dbname']}"


@pytest.mark.parametrize("how", ["ended", "reset", "halved"])
def test_connections_that_are_cut_again_and_again_cost_nothing(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str, how: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, **SETTINGS)
    cut = 0
    for count in (4, 8, 12, 16, 20):
        wait_for_pages(database_url, count)
        cut += proxy.halve() if how == "halved" else proxy.cut(with_reset=how == "reset")
    assert crawl.wait() == 0, crawl.log
    assert cut >= 5
    assert_exact(database_url, 8000)


@pytest.mark.parametrize("directions", [[Direction.OUT], [Direction.IN], [Direction.OUT, Direction.IN]])
def test_a_stall_that_passes_costs_its_time_and_nothing_else(
    slow_mock: MockApi,
    start_crawl: StartCrawl,
    database_url: str,
    proxy: Proxy,
    proxied_url: str,
    directions: list[Direction],
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, METRICS_PORT="0", **SETTINGS)
    endpoint = Endpoint(crawl)
    wait_for_pages(database_url, 4)
    proxy.stall(*directions)
    eventually(lambda: endpoint.readiness()[1]["idle_seconds"] > 1, what="a standstill of a second")
    proxy.flow()
    assert crawl.wait() == 0, crawl.log
    assert_exact(database_url, 8000)


def test_a_stall_that_lasts_ends_the_run_as_stalled_and_the_next_one_goes_on(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, STALL_TIMEOUT_MS="1500", **SETTINGS)
    wait_for_pages(database_url, 4)
    proxy.stall()
    assert crawl.wait() == 1, crawl.log
    assert "stalled" in crawl.log
    assert "ingestion complete" not in crawl.log
    again = start_crawl(slow_mock.base_url, **SETTINGS)
    assert again.wait() == 0, again.log
    assert_exact(database_url, 8000)


def test_a_commit_whose_answer_is_lost_is_read_back_and_not_written_again(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, WRITE_CONCURRENCY="1", **SETTINGS)
    wait_for_pages(database_url, 4)
    proxy.betray(b"COMMIT\0", Betrayal.ANSWER_LOST)
    assert crawl.wait() == 0, crawl.log
    assert proxy.sprung.is_set()
    assert "had been committed before the connection was lost" in crawl.log
    assert value(database_url, "SELECT sum(duplicates) FROM ingestion_pages") == 0
    assert_exact(database_url, 8000)


def test_a_commit_that_never_arrives_is_written_again_over_the_transaction_that_it_left_open(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, WRITE_CONCURRENCY="1", **SETTINGS)
    wait_for_pages(database_url, 4)
    proxy.betray(b"COMMIT\0", Betrayal.MESSAGE_LOST)
    # The server would keep that transaction's locks for as long as a lease lives, a minute.
    assert crawl.wait(40) == 0, crawl.log
    assert proxy.sprung.is_set()
    assert_exact(database_url, 8000)


def test_a_heartbeat_that_is_lost_half_way_does_not_keep_the_streams_row_from_others(
    slow_mock: MockApi, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str
) -> None:
    crawl = start_crawl(slow_mock.base_url, DATABASE_URL=proxied_url, LEASE_TTL_MS="1500", **SETTINGS)
    wait_for_pages(database_url, 4)
    # What the heartbeat says between taking the row's lock and its COMMIT.
    proxy.betray(b"SET heartbeat_at = now(), retries", Betrayal.MESSAGE_LOST)
    eventually(proxy.sprung.is_set, what="the heartbeat to be lost")
    assert crawl.wait(40) == 0, crawl.log
    assert_exact(database_url, 8000)


def test_a_migration_that_is_lost_half_way_does_not_keep_its_lock_from_the_next_start(
    start_mock_api: StartMock, start_crawl: StartCrawl, empty_database_url: str, proxy: Proxy
) -> None:
    mock = start_mock_api("--total", "600")
    proxy.betray(b"COMMIT\0", Betrayal.MESSAGE_LOST)
    crawl = start_crawl(mock.base_url, DATABASE_URL=through(proxy, empty_database_url), **SETTINGS)
    assert crawl.wait() == 0, crawl.log
    assert proxy.sprung.is_set()
    assert "applied migration 0001" in crawl.log
    assert_exact(empty_database_url, 600)


@pytest.mark.parametrize("how", ["ended", "reset", "halved"])
def test_a_start_whose_connection_is_cut_in_the_middle_of_a_migration_tries_again(
    start_mock_api: StartMock, start_crawl: StartCrawl, empty_database_url: str, proxy: Proxy, how: str
) -> None:
    mock = start_mock_api("--total", "600")
    with connected(empty_database_url) as connection:
        migrate(connection, load_migrations()[:7])
    with connected(empty_database_url) as reader:
        # A migration locks this table first, and waits for that as long as someone reads it.
        reader.cursor().execute("SELECT FROM ingestion_state")
        crawl = start_crawl(mock.base_url, DATABASE_URL=through(proxy, empty_database_url), **SETTINGS)
        here = "FROM pg_stat_activity WHERE datname = current_database()"
        waiting = f"SELECT count(*) {here} AND wait_event_type = 'Lock' AND query LIKE %s"
        migrating = (waiting, ("%LOCK TABLE ingestion_state%",))
        eventually(lambda: value(empty_database_url, *migrating), what="the migration to wait")
        assert (proxy.halve() if how == "halved" else proxy.cut(with_reset=how == "reset")) == 1
        eventually(lambda: "lost in migration 0008" in crawl.log, what="the loss to be noticed")
    assert crawl.wait() == 0, crawl.log
    assert crawl.log.count("applied migration 0008") == 1
    assert_exact(empty_database_url, 600)


def test_a_connection_that_breaks_in_the_middle_of_copy_on_our_side_alone_keeps_no_key_from_the_next_one(
    start_mock_api: StartMock, start_crawl: StartCrawl, database_url: str, proxy: Proxy, proxied_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    # COPY goes by the ids: thousands of rows are in the table by then, and no timeout of the server ends it.
    late = max(event["id"] for event in ground_truth("--total", "20000")[:5000])
    proxy.betray(late.encode(), Betrayal.MESSAGE_LOST)
    crawl = start_crawl(mock.base_url, DATABASE_URL=proxied_url)
    assert crawl.wait(40) == 0, crawl.log
    assert proxy.sprung.is_set()
    assert_exact(database_url, 20000)
