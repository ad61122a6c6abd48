"""Databases of version 0.1.0 come along: a crawl goes on exactly where an earlier version's was killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.storage.owner import this_process
from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, rows, value
from tests.support.feed import FEED_SETTINGS, Feed, serving
from tests.support.olddatabases import contents, hold_lease, load, old_feed

StartCrawl = Callable[..., Crawl]


def _settings(url: str, **further: str) -> dict[str, str]:
    return {**FEED_SETTINGS, "DATABASE_URL": url, **further}


def _stored(url: str, table: str) -> dict[str, Any]:
    return dict(rows(url, f"SELECT event_id, payload FROM {table}"))


def _first_of_each(events: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        if isinstance(event.get("id"), str):
            found.setdefault(event["id"], event)
    return found


def _assert_sound(url: str, stream: str = "events") -> None:
    verify = scrapy("verify", "--no-api", DATABASE_URL=url, STREAM=stream)
    assert verify.returncode == 0, verify.stdout + verify.stderr


def _serve_old(feed: Feed, prefix: str = "evt") -> None:
    feed.events = old_feed(prefix)
    feed.total = 55


@pytest.mark.parametrize(
    ("name", "stream"), [("filled_0008", "events"), ("filled_0011", "events"), ("prod_0008", "prod")]
)
def test_an_open_sync_goes_on_at_its_position_after_a_migration_that_was_killed(
    start_crawl: StartCrawl, empty_database_url: str, name: str, stream: str
) -> None:
    url = empty_database_url
    load(url, name)
    before = contents(url)
    pending = 12 - int(name[-4:])
    killed = scrapy("migrate", DATABASE_URL=url, DATASYNC_FAILPOINT=f"in_migration@{pending}=kill")
    assert killed.returncode == -signal.SIGKILL
    assert value(url, "SELECT max(version) FROM schema_migrations") == 11
    assert contents(url)["ingestion_pages"] == before["ingestion_pages"]
    assert scrapy("migrate", DATABASE_URL=url).returncode == 0
    _assert_sound(url, stream)
    with serving() as feed:
        _serve_old(feed)
        crawl = start_crawl(feed.base_url, **_settings(url, STREAM=stream))
        assert crawl.wait() == 0, crawl.log
        assert feed.asked[0].cursor == "c1"
        assert _stored(url, "ingested_events") == _first_of_each(feed.events)
    assert rows(url, "SELECT status, reason FROM ingestion_runs WHERE run_id = 2") == [("failed", "lost")]
    assert value(url, "SELECT count(*) FROM rejected_events") == 3
    assert value(url, "SELECT count(*) FROM event_conflicts") == 1
    _assert_sound(url, stream)


def test_a_database_that_was_adopted_in_the_middle_of_its_feed_goes_on_there(
    start_crawl: StartCrawl, empty_database_url: str
) -> None:
    load(empty_database_url, "seed_0008")
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **_settings(empty_database_url))
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == ["c2"]
        assert _stored(empty_database_url, "ingested_events") == _first_of_each(feed.events)
    verify = json.loads(scrapy("verify", "--no-api", "--json", DATABASE_URL=empty_database_url).stdout)
    # No version has known the times of the rows that it has adopted.
    assert [check["name"] for check in verify["checks"] if not check["ok"]] == ["watermarks"]


def test_several_streams_of_one_table_go_on_apart_as_the_check_has_said(
    start_crawl: StartCrawl, empty_database_url: str
) -> None:
    url = empty_database_url
    load(url, "several_0008")
    check = scrapy("migrate", "--check", DATABASE_URL=url)
    assert check.returncode == 1
    assert "pending: 0012_streams_and_slices" in check.stdout
    assert "events keeps ingested_events with its 74 rows, 46 of them others'" in check.stdout
    assert "b begins a full sync in a table of its own; 37 rows that it has stored stay" in check.stdout
    assert value(url, "SELECT max(version) FROM schema_migrations") == 8
    with serving() as feed:
        feed.events, feed.total = old_feed(), 55
        events = start_crawl(feed.base_url, **_settings(url))
        assert events.wait() == 0, events.log
        assert "b begins a full sync in a table of its own" in events.log
        # Whatever lies among rows of others proves nothing: the whole feed is read.
        assert [asked.cursor for asked in feed.asked] == [None, *(f"c{n}" for n in range(1, 6))]
        assert _first_of_each(feed.events).items() <= _stored(url, "ingested_events").items()
        assert len(_stored(url, "ingested_events")) == 46 + 52
        _assert_sound(url)
        feed.asked.clear()
        _serve_old(feed, "b")
        b = start_crawl(feed.base_url, **_settings(url, STREAM="b"))
        assert b.wait() == 0, b.log
        assert feed.asked[0].cursor is None
        assert _stored(url, "datasync__b") == _first_of_each(feed.events)
    assert value(url, "SELECT count(*) FROM rejected_events WHERE stream = 'b'") == 3
    for stream in ("events", "b", "c"):
        _assert_sound(url, stream)


def test_a_run_at_work_stops_every_command_that_would_migrate(start_crawl: StartCrawl, empty_database_url: str) -> None:
    url = empty_database_url
    load(url, "filled_0008")
    hold_lease(url, this_process())
    before = contents(url)
    named = f"stream events is being run by process {this_process().pid} on "
    for arguments in (["migrate"], ["migrate", "--check"]):
        done = scrapy(*arguments, DATABASE_URL=url)
        assert done.returncode == 4, done.stderr
        assert named in done.stdout + done.stderr
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **_settings(url))
        assert crawl.wait() == 4, crawl.log
        assert f"ingestion not started: {named}" in crawl.log
        assert feed.asked == []
    assert contents(url) == before


def test_a_view_in_the_way_stops_every_command_that_would_migrate_and_is_shown(
    start_crawl: StartCrawl, empty_database_url: str
) -> None:
    url = empty_database_url
    load(url, "filled_0008")
    execute_outside(url, "CREATE VIEW theirs AS SELECT id, stream FROM ingestion_state")
    before = contents(url)
    check = scrapy("migrate", "--check", DATABASE_URL=url)
    assert check.returncode == 2
    assert "in the way: view theirs (on ingestion_state.id)" in check.stdout
    assert "    CREATE VIEW theirs AS\n" in check.stdout
    migrate = scrapy("migrate", DATABASE_URL=url)
    assert migrate.returncode == 2
    assert "view theirs (on ingestion_state.id)" in migrate.stderr
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **_settings(url))
        assert crawl.wait() == 2, crawl.log
        assert "view theirs (on ingestion_state.id)" in crawl.log
        assert feed.asked == []
    assert contents(url) == before
    assert rows(url, "SELECT * FROM theirs") == [(1, "events")]


def test_a_database_of_a_later_version_is_refused_with_the_migration_and_the_version(
    start_crawl: StartCrawl, database_url: str
) -> None:
    execute_outside(database_url, "INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 'x', now())")
    named = "the database has migration 9999_from_the_future, which this version (0.5.0) does not know"
    assert named in scrapy("migrate", "--check", DATABASE_URL=database_url).stderr
    with serving() as feed:
        crawl = start_crawl(feed.base_url, LOG_FORMAT="json", **_settings(database_url))
        assert crawl.wait() == 1
        last = json.loads(crawl.log.splitlines()[-1])
        assert named in json.dumps(last)
        assert feed.asked == []
