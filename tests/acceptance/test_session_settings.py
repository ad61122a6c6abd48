"""Whole crawls under settings of the session that once changed what was stored, or ended all runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, rows, value, with_database
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, feed_events, serving
from tests.support.mock import MockApi

StartCrawl = Callable[..., Crawl]


@pytest.mark.parametrize(
    ("time", "zone"),
    [("0001-01-01T00:00:00Z", "America/New_York"), ("9999-12-31T23:59:59.999Z", "Pacific/Kiritimati")],
)
def test_times_at_both_ends_and_names_outside_ascii_survive_encoding_and_zone(
    start_crawl: StartCrawl, database_url: str, time: str, zone: str
) -> None:
    environment = {"PGTZ": zone, "PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "SQL, DMY"}
    events = [{**event, "timestamp": time, "name": "é\N{SNOWMAN}"} for event in feed_events(prefix="évt")]
    with serving(events) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS, **environment)
        assert crawl.wait() == 0, crawl.log
        newcomer = {**feed_events(1, prefix="new")[0]}
        feed.events.insert(0, newcomer)
        again = start_crawl(feed.base_url, **FEED_SETTINGS, **environment)
        assert again.wait() == 0, again.log
    assert_feed_is_stored(database_url, feed.events)
    assert value(database_url, "SELECT count(DISTINCT occurred_at) FROM ingested_events") == 2
    for command in (("status",), ("verify", "--no-api"), ("rejected",)):
        done = scrapy(*command, DATABASE_URL=database_url, **environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_serializable_by_default_costs_no_batch(
    start_mock_api: Callable[..., MockApi], start_crawl: StartCrawl, database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    crawl = start_crawl(
        mock.base_url,
        PGOPTIONS="-c default_transaction_isolation=serializable",
        API_PAGE_LIMIT="100",
        WRITE_BATCH_SIZE="200",
    )
    assert crawl.wait() == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 20_000
    assert "trying again" not in crawl.log


@pytest.fixture
def other_encoding(postgres_url: str) -> Iterator[Callable[[str], str]]:
    made: list[str] = []

    def make(encoding: str) -> str:
        made.append(f"test_{uuid.uuid4().hex[:12]}")
        options = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        execute_outside(postgres_url, f"CREATE DATABASE {made[-1]} {options}")
        return with_database(postgres_url, made[-1])

    yield make
    for name in made:
        execute_outside(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused_before_anything_is_done(
    start_crawl: StartCrawl, other_encoding: Callable[[str], str], encoding: str
) -> None:
    url = other_encoding(encoding)
    with serving() as feed:
        crawl = start_crawl(feed.base_url, DATABASE_URL=url, **FEED_SETTINGS)
        assert crawl.wait() == 1, crawl.log
        assert feed.asked == []
        assert f"is {encoding}, which cannot hold every event: create one with ENCODING 'UTF8'" in crawl.log
        assert rows(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
        looked = scrapy("doctor", DATABASE_URL=url, API_BASE_URL=feed.base_url)
    assert f"the database's encoding is {encoding}" in looked.stdout
