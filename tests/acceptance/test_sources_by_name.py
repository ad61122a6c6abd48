"""``scrapy crawl SOURCE``: all streams of the source, one after the other; with ``--dry-run`` none is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.apiserver import serving_api
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.filesources import write_sources
from tests.support.unknownapis import Asked, Said, records

KEY = "k-4711/of+some length"
FILE = """
[source]
name = "shop"
base_url = "{url}"
auth = {{ type = "query", query = {{ api_key = "secret:SHOP_KEY" }} }}
"""
STREAM = """
[streams.{name}]
url = "/{name}"
query = {{ limit = "{{page_size}}" }}
page_size = 5
records = "@"
id = "id"
time = "created_at"
order = "oldest-first"
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["short"]
"""
ALL: dict[str, list[object]] = {"orders": [*records(12), {"no": "id"}], "refunds": [*records(7)]}


def answer(asked: Asked) -> Said:
    rows_of = ALL[asked.url.partition("?")[0].removeprefix("/")]
    start = asked.number("offset", 0)
    return Said(rows_of[start : start + asked.number("limit", 5)])


def test_a_sources_name_shows_and_crawls_its_streams_one_after_the_other(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    with serving_api(answer) as api:
        text = FILE.format(url=api.url) + STREAM.format(name="orders") + STREAM.format(name="refunds")
        files = write_sources(tmp_path / "sources", shop=text)
        shown = scrapy(
            "crawl", "shop", "--dry-run", **files, SHOP_KEY=KEY, DATABASE_URL="postgresql://nowhere.invalid/x"
        )
        assert shown.returncode == 0, shown.stderr
        assert [asked.url.partition("?")[0] for asked in api.asked] == ["/orders", "/refunds"]
        assert "shop__orders" in shown.stdout
        assert "api_key=***" in shown.stdout
        assert "k-4711" not in shown.stdout + shown.stderr
        assert "/orders?limit=5&offset=5" in shown.stdout.replace("&api_key=***", "")

        crawl = start_crawl("", spider="shop", **files, SHOP_KEY=KEY)
        assert crawl.wait() == 0, crawl.log
    streams = rows(database_url, "SELECT stream, pages, inserted FROM ingestion_runs ORDER BY stream")
    assert streams == [("shop.orders", 3, 12), ("shop.refunds", 2, 7)]


def test_a_page_whose_records_would_all_be_rejected_is_shown_with_reasons_and_fails(tmp_path: Path) -> None:
    with serving_api(lambda _: Said([{"no": "id"}, {"id": None}])) as api:
        text = FILE.format(url=api.url) + STREAM.format(name="orders")
        files = write_sources(tmp_path / "sources", shop=text)
        shown = scrapy("crawl", "shop.orders", "--dry-run", **files, SHOP_KEY=KEY)
    assert shown.returncode == 1
    assert "would be rejected: 2 records" in shown.stdout
    assert "record 0 (no_id)" in shown.stdout
