"""Variables of another project's libpq: no event goes to its database, and what is refused is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, serving

StartCrawl = Callable[..., Crawl]


def test_without_a_database_url_everything_goes_into_the_embedded_one(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    theirs = parse_dsn(database_url)
    services = tmp_path / "services"
    services.write_text(f"[theirs]\nhost={theirs['host']}\ndbname={theirs['dbname']}\nuser={theirs['user']}\n")
    environment = {
        "DATABASE_URL": "",
        "PGHOST": theirs["host"],
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": theirs["port"],
        "PGDATABASE": theirs["dbname"],
        "PGUSER": theirs["user"],
        "PGSERVICE": "theirs",
        "PGSERVICEFILE": str(services),
    }
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS, **environment)
        assert crawl.wait() == 0, crawl.log
        looked = scrapy("doctor", DATASYNC_HOME=str(tmp_path / "home"), API_BASE_URL=feed.base_url, **environment)
    assert rows(database_url, "SELECT count(*) FROM ingested_events") == [(0,)]
    asked = scrapy(
        *("psql", "--", "-Atc", "SELECT count(*), current_database() FROM ingested_events"),
        DATASYNC_HOME=str(tmp_path / "home"),
        **environment,
    )
    assert asked.stdout.strip() == "30|datasync", asked.stderr
    assert "PGHOST, PGHOSTADDR, PGPORT, PGDATABASE, PGUSER, PGSERVICE" in looked.stdout


@pytest.mark.parametrize(("variable", "value"), [("PGSSLMODE", "nonsense"), ("PGTZ", "nonsense")])
def test_a_variable_that_makes_libpq_refuse_is_named_at_once(
    start_crawl: StartCrawl, database_url: str, variable: str, value: str
) -> None:
    crawl = start_crawl("http://127.0.0.1:9/api/v1", **{variable: value})
    assert crawl.wait() == 1, crawl.log
    assert f"{variable} of the environment" in crawl.log
    assert "trying again" not in crawl.log
    looked = scrapy("doctor", DATABASE_URL=database_url, API_BASE_URL="http://127.0.0.1:9/api/v1", **{variable: value})
    assert looked.returncode == 1
    assert f"{variable} of the environment" in looked.stdout
