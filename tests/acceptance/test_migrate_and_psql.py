"""The commands that look after the database itself, and open it."""

from __future__ import annotations

from tests.support.crawl import scrapy


def test_migrate_says_what_is_pending_and_applies_it(empty_database_url: str) -> None:
    pending = scrapy("migrate", "--check", DATABASE_URL=empty_database_url)
    assert pending.returncode == 1
    assert "0001_init" in pending.stdout
    assert scrapy("migrate", DATABASE_URL=empty_database_url).returncode == 0
    assert scrapy("migrate", "--check", DATABASE_URL=empty_database_url).returncode == 0


def test_psql_opens_the_configured_database(database_url: str) -> None:
    done = scrapy("psql", "--", "-Atc", "SELECT current_database()", DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in database_url
