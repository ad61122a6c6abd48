"""A database that does not go on is said within STALL_TIMEOUT_MS, with what it waits for, from migrating on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, fresh_database, rows, value
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, feed_events, serving
from tests.support.postgres import OwnServer
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]
STALLS_SOON = {**FEED_SETTINGS, "STALL_TIMEOUT_MS": "2000"}
NAMED = "synchronous_standby_names is 'nobody'"


@pytest.fixture
def own_database(own_server: OwnServer) -> Iterator[str]:
    """Without a table, and gone only when everything may commit again."""
    with fresh_database(own_server.url, "template0") as url:
        yield url
        _set_standby(own_server.url, "")
        eventually(lambda: _standby(own_server.url) == "", what="the end of the waits")


def _set_standby(url: str, name: str) -> None:
    execute_outside(url, f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    execute_outside(url, "SELECT pg_reload_conf()")


def _standby(url: str) -> str:
    return str(value(url, "SHOW synchronous_standby_names"))


@contextmanager
def without_standby(url: str) -> Iterator[None]:
    _set_standby(url, "nobody")
    eventually(lambda: _standby(url) == "nobody", what="the setting")
    try:
        yield
    finally:
        _set_standby(url, "")


def waiting_commits(url: str) -> int:
    return int(value(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))


def test_migrating_and_opening_a_run_say_what_their_commit_waits_for(
    start_crawl: StartCrawl, own_server: OwnServer, own_database: str
) -> None:
    with serving() as feed:
        with without_standby(own_server.url):
            crawl = start_crawl(feed.base_url, DATABASE_URL=own_database, **STALLS_SOON)
            assert crawl.wait(60) == 1, crawl.log
            assert "ingestion not started" in crawl.log
            assert NAMED in crawl.log
            # The second one waits for the first one's lock; whoever holds it waits for the standby.
            command = scrapy("migrate", DATABASE_URL=own_database, STALL_TIMEOUT_MS="2000")
            assert command.returncode == 1
            assert NAMED in command.stderr
        eventually(lambda: waiting_commits(own_server.url) == 0, what="the end of the waits")
        assert scrapy("migrate", DATABASE_URL=own_database).returncode == 0
        with without_standby(own_server.url):
            opened = start_crawl(feed.base_url, DATABASE_URL=own_database, **STALLS_SOON)
            assert opened.wait(60) == 1, opened.log
            assert "the run could not be opened" in opened.log
            assert NAMED in opened.log
            looked = scrapy("doctor", DATABASE_URL=own_database, API_BASE_URL=feed.base_url)
            assert looked.returncode == 1
            assert NAMED in looked.stdout
        assert not any(asked.cursor for asked in feed.asked)
        eventually(lambda: waiting_commits(own_server.url) == 0, what="the end of the waits")
        crawl = start_crawl(feed.base_url, DATABASE_URL=own_database, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
    assert_feed_is_stored(own_database, feed.events)


def test_a_commit_of_a_batch_does_so_too_and_nothing_is_called_saved(
    start_crawl: StartCrawl, own_server: OwnServer, own_database: str
) -> None:
    assert scrapy("migrate", DATABASE_URL=own_database).returncode == 0
    with serving() as feed:
        feed.answer = lambda asked: _set_standby(own_server.url, "nobody") if asked.cursor == "c1" else None
        crawl = start_crawl(feed.base_url, DATABASE_URL=own_database, **STALLS_SOON)
        assert crawl.wait(60) == 1, crawl.log
        assert "nothing was committed" in crawl.log
        assert NAMED in crawl.log
        _set_standby(own_server.url, "")
        feed.answer = None
        eventually(lambda: waiting_commits(own_server.url) == 0, what="the end of the waits")
        again = start_crawl(feed.base_url, DATABASE_URL=own_database, **FEED_SETTINGS)
        assert again.wait() == 0, again.log
    assert_feed_is_stored(own_database, feed.events)


def test_a_signal_ends_a_start_whose_commit_waits(
    start_crawl: StartCrawl, own_server: OwnServer, own_database: str
) -> None:
    with serving() as feed, without_standby(own_server.url):
        crawl = start_crawl(feed.base_url, DATABASE_URL=own_database, **FEED_SETTINGS)
        eventually(lambda: waiting_commits(own_server.url) == 1, what="a commit that waits")
        crawl.kill(signal.SIGTERM)
        assert crawl.wait(45) == 5, crawl.log


def test_a_lock_that_is_not_given_back_is_said_with_its_holder(start_crawl: StartCrawl, database_url: str) -> None:
    with serving(feed_events(10)) as feed, closing(psycopg2.connect(database_url, application_name="tea")) as holder:
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM ingestion_state FOR UPDATE")
        crawl = start_crawl(feed.base_url, **STALLS_SOON)
        assert crawl.wait(60) == 1, crawl.log
        assert f"a lock that process {holder.info.backend_pid} (tea, idle in transaction) holds" in crawl.log
        assert feed.asked == []


def test_a_server_that_answers_no_one_is_said(
    start_crawl: StartCrawl, own_server: OwnServer, own_database: str
) -> None:
    assert scrapy("migrate", DATABASE_URL=own_database).returncode == 0
    with serving(feed_events(10)) as feed:
        # The row is locked, so that the opening hangs in the middle; then nothing answers any more.
        holder = psycopg2.connect(own_database)
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM ingestion_state FOR UPDATE")
        crawl = start_crawl(feed.base_url, DATABASE_URL=own_database, **{**STALLS_SOON, "STALL_TIMEOUT_MS": "6000"})
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        eventually(lambda: rows(own_database, waits) == [(1,)], what="the lock")
        with own_server.frozen():
            assert crawl.wait(60) == 1, crawl.log
        holder.close()
    assert "PostgreSQL does not answer" in crawl.log
