"""Offsets move while records come and go: a pass over them is proven where its pages stood still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import write_sources
from tests.support.offsetapi import offset_api

StartCrawl = Callable[..., Crawl]

FILE = """
[source]
name = "shelf"
base_url = "{base_url}"

[streams.books]
url = "/books"
query = {{ limit = "{{page_size}}" }}
page_size = 5
records = "items"
id = "id"
order = "oldest-first"
{total}
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["short"]
"""
TOTAL = 'total = ["count", "meta.count"]'


def test_a_record_that_is_missed_between_two_pages_is_never_called_complete_and_a_second_look_finds_it(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    totals = [f"b{number:02}" for number in range(23)]
    with offset_api(totals) as api:
        settings = write_sources(tmp_path / "sources", shelf=FILE.format(base_url=api.base_url, total=TOTAL))
        assert start_crawl("", spider="shelf.books", **settings).wait() == 0

        # What was the eleventh record is the tenth when the third page is asked for, and stands on none. What is stored
        # and not there any more would make up for it.
        del totals[20:22]
        api.after = lambda offset: totals.remove("b01") if offset == 5 else None
        totals.insert(10, "missed")
        second = start_crawl("", spider="shelf.books", **settings)
        assert second.wait() == 3, second.log
        assert "pages_moved" in second.log
        assert "the API counted 22 at the first page and 21 at the last" in second.log
        found = "SELECT count(*) FROM shelf__books WHERE event_id = 'missed'"
        assert value(database_url, found) == 0
        api.after = lambda _: None
        third = start_crawl("", spider="shelf.books", **settings)
        assert third.wait() == 0, third.log
    stored = {event_id for (event_id,) in rows(database_url, "SELECT event_id FROM shelf__books")}
    assert set(totals) <= stored


def test_a_first_sync_without_a_record_is_warned_of_and_incomplete_where_the_larger_of_two_totals_counts_some(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    with offset_api([]) as api:
        settings = write_sources(tmp_path / "sources", shelf=FILE.format(base_url=api.base_url, total=""))
        untold = start_crawl("", spider="shelf.books", **settings)
        assert untold.wait() == 0, untold.log
        assert "no total to compare with, and what came or went meanwhile moves its pages" in untold.log
        assert "the first sync of shelf.books has met no record" in untold.log
        api.more = {"count": 0, "meta": {"count": 7}}
        settings = write_sources(tmp_path / "sources", shelf=FILE.format(base_url=api.base_url, total=TOTAL))
        crawl = start_crawl("", spider="shelf.books", **settings)
        assert crawl.wait() == 3, crawl.log
        assert "the API counts 7: 7 are missing" in crawl.log
    assert value(database_url, "SELECT count(*) FROM shelf__books") == 0
