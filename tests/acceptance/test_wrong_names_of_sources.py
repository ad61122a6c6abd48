"""A broken file or a wrong name costs what it is about: it says all that is wrong, and harms nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl, scrapy
from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, serving
from tests.support.filesources import HUB, SHELF, write_sources
from tests.support.mock import MockApi

BROKEN = """
[source]
name = "broken"
base_url = "ftp://example.com"

[streams.stream]
url = "/records"
records = "@"
id = "id"
ordre = "none"
next = { from = "link:next", to = "query:page" }
end = ["never"]
"""
MISTAKES = (
    '[source] base_url is "ftp://example.com"',
    "[streams.stream] ordre is no key of this table (did you mean order?)",
    "[streams.stream] order is missing",
    "[streams.stream] next.to",
    "[streams.stream] end is",
)


def test_the_others_are_listed_and_crawled_and_the_broken_one_says_why_not(
    tmp_path: Path,
    start_mock_api: Callable[..., MockApi],
    start_crawl: Callable[..., Crawl],
    database_url: str,
) -> None:
    base_url = start_mock_api("--records", "40").base_url
    texts = {"broken": BROKEN, "hub": HUB.format(base_url=base_url), "shelf": SHELF.format(base_url=base_url)}
    files = write_sources(tmp_path / "sources", **texts)
    (tmp_path / "sources" / "no-toml.toml").write_text("name = \n")

    listed = scrapy("list", **files)
    assert listed.returncode == 0
    assert listed.stdout.split() == ["events", "hub.records", "shelf.records"]
    for mistake in (*MISTAKES, "no-toml.toml: it is no TOML"):
        assert mistake in listed.stderr, listed.stderr

    with serving() as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS, **files)
        assert crawl.wait() == 0, crawl.log
        assert_feed_is_stored(database_url, feed.events)
    good = start_crawl("", spider="shelf.records", SHELF_TOKEN="t-4711", **files)
    assert good.wait() == 0, good.log
    assert value(database_url, "SELECT count(*) FROM shelf__records") == 40
    runs = value(database_url, "SELECT count(*) FROM ingestion_runs")

    broken = start_crawl("", spider="broken.stream", **files)
    assert broken.wait() == 2, broken.log
    exit_report = broken.log[broken.log.index("ingestion not started: the configuration is refused") :]
    for mistake in MISTAKES:
        assert f"{tmp_path / 'sources' / 'broken.toml'}: {mistake}" in exit_report
    assert "no-toml" not in exit_report

    misspelt = start_crawl("", spider="hub.recrods", **files)
    assert misspelt.wait() == 2, misspelt.log
    exit_report = misspelt.log[misspelt.log.index("ingestion not started") :]
    for name in ("'hub.recrods'", "events", "hub.records", "shelf.records"):
        assert name in exit_report
    assert value(database_url, "SELECT count(*) FROM ingestion_runs") == runs


def test_the_crawl_of_events_takes_no_stream_of_another_source(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    files = write_sources(tmp_path / "sources", shelf=SHELF.format(base_url="http://127.0.0.1:9"))
    crawl = start_crawl("http://127.0.0.1:9", STREAM="shelf.records", **files)
    assert crawl.wait() == 2, crawl.log
    assert "say scrapy crawl shelf.records, or leave STREAM out" in crawl.log
    assert value(database_url, "SELECT count(*) FROM ingestion_runs") == 0
