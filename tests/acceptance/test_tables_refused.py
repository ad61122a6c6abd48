"""Commands before a table that is not ours: nothing is asked, nothing is written, and the table is named."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import execute_outside, value
from tests.support.feed import FEED_SETTINGS, serving

KEYLESS = """
    CREATE TABLE ingested_events (
        event_id TEXT NOT NULL, occurred_at TIMESTAMPTZ, payload JSONB NOT NULL,
        ingested_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
"""
WANTED = "ingested_events: primary key is missing, expected (event_id)"


def test_a_crawl_into_a_table_without_its_key_asks_for_no_page(
    start_crawl: Callable[..., Crawl], empty_database_url: str
) -> None:
    execute_outside(empty_database_url, KEYLESS)
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS, DATABASE_URL=empty_database_url)
        assert crawl.wait() == 1
        assert feed.asked == []
    assert f"ingestion not started: the tables are not as this program makes them: {WANTED}" in crawl.log
    assert "next: put right what is named" in crawl.log
    assert value(empty_database_url, "SELECT to_regclass('schema_migrations')") is None


def test_every_command_that_believes_the_tables_names_the_one_that_was_altered(database_url: str) -> None:
    execute_outside(database_url, "ALTER TABLE ingested_events DROP CONSTRAINT ingested_events_pkey")
    for command in (("migrate",), ("migrate", "--check"), ("replay",), ("verify", "--no-api"), ("submit", "prepare")):
        done = scrapy(*command, DATABASE_URL=database_url)
        assert (done.returncode, WANTED in done.stderr) == (1, True), (command, done.stderr)
    doctor = scrapy("doctor", DATABASE_URL=database_url)
    assert doctor.returncode == 1
    assert WANTED in doctor.stdout
