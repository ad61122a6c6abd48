"""Ways of paging that go wrong elsewhere: searches by POST, page numbers that no one looks at, code of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.anyapi import Asked, Reply, any_api
from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.filesources import write_sources
from tests.support.ledger import last_run

StartCrawl = Callable[..., Crawl]

RECORDS = [{"id": f"r{number:03}", "at": 1_700_000_000 - number} for number in range(35)]
SETTINGS = {"WRITE_BATCH_SIZE": "10", "API_MAX_RETRIES": "5", "API_RETRY_BASE_MS": "20", "API_RETRY_MAX_MS": "100"}
SOURCE = """
[source]
name = "odd"
base_url = "{base_url}"

[streams.records]
records = "results"
id = "id"
time = "at"
order = "none"
{lines}
"""


def crawl_odd(start_crawl: StartCrawl, directory: Path, base_url: str, lines: str, **settings: str) -> Crawl:
    files = write_sources(directory / "sources", odd=SOURCE.format(base_url=base_url, lines=lines))
    crawl = start_crawl(base_url, spider="odd.records", **SETTINGS, **files, **settings)
    crawl.wait()
    return crawl


def stored(url: str) -> Sequence[str]:
    return [record_id for (record_id,) in rows(url, "SELECT event_id FROM odd__records ORDER BY 1")]


def page(first: int) -> list[dict[str, Any]]:
    return RECORDS[first : first + 10]


def test_a_search_by_post_is_repeated_as_it_is_and_its_next_url_is_a_get(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    troubles = iter([Reply(status=503), Reply(status=0), Reply(status=429, headers={"Retry-After": "0"})])

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST" and (trouble := next(troubles, None)) is not None:
            return trouble
        first = int(asked.query.get("from", "0"))
        following = f"{api.base_url}/runs/page?from={first + 10}&t=a+b%2f" if first + 10 < len(RECORDS) else None
        return Reply({"results": page(first), "next_page": following})

    lines = """
url = "/runs/filter"
method = "POST"
body = { json = { limit = "{page_size}", sort = "ID_DESC", flow = { name = "ü" }, after = "{since}" } }
page_size = 10
next = { from = "body:next_page", to = "url" }
end = ["no-next"]
"""
    with any_api(answer) as api:
        crawl = crawl_odd(start_crawl, tmp_path, api.base_url, lines)
        asked = api.asked

    assert crawl.wait() == 0, crawl.log
    assert stored(database_url) == [record["id"] for record in RECORDS]
    posts, gets = asked[:4], asked[4:]
    assert {(one.method, one.target, one.body, one.headers["content-type"]) for one in posts} == {
        (
            "POST",
            "/runs/filter",
            '{"limit":10,"sort":"ID_DESC","flow":{"name":"ü"}}'.encode(),
            "application/json",
        )
    }
    assert [(one.method, one.target, one.body) for one in gets] == [
        ("GET", f"/runs/page?from={first}&t=a+b%2f", b"") for first in (10, 20, 30)
    ]
    assert all("content-type" not in one.headers for one in gets)


def test_numbers_of_pages_that_no_one_looks_at_end_the_run_and_the_next_one_is_exact(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    def ignoring(_asked: Asked) -> Reply:
        return Reply({"results": page(0)})

    def honest(asked: Asked) -> Reply:
        first = 10 * (int(asked.query["page"]) - 1)
        return Reply({"results": page(first)}) if first < len(RECORDS) else Reply({"error": "no such page"}, 404)

    lines = """
url = "/records"
query = { size = "{page_size}" }
page_size = 10
next = { from = "counter:page", to = "query:page" }
end = ["status:404"]
"""
    with any_api(ignoring) as api:
        crawl = crawl_odd(start_crawl, tmp_path, api.base_url, lines)
        assert crawl.wait() == 1, crawl.log
        assert last_run(database_url) == ("failed", "no_new_records")
        assert len(api.asked) < 160
        # What is stored of it is a number far behind the end: an end that nothing proves is no end.
        api.answer = honest
        crawl = crawl_odd(start_crawl, tmp_path, api.base_url, lines)

    assert crawl.wait() == 0, crawl.log
    assert stored(database_url) == [record["id"] for record in RECORDS]
    assert value(database_url, "SELECT max(walk) FROM ingestion_pages") == 2


def test_a_paginator_in_python_pages_by_a_file_and_one_that_is_not_there_is_refused_before_anything_is_asked(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "halves.py").write_text(
        "from datasync_spider.plugin import Ask\n"
        "class Halves:\n"
        "    def __init__(self, stream): self.size = stream.page_size.default\n"
        "    def ask(self, position):\n"
        "        return Ask(query=(('half', position or '0'), ('size', str(self.size))))\n"
        "    def following(self, position, answer):\n"
        "        return None if answer.last is None else str(int(position or 0) + self.size)\n"
    )

    def answer(asked: Asked) -> Reply:
        return Reply({"results": page(int(asked.query["half"]))})

    lines = """
url = "/records"
page_size = 10
next = {{ from = "python:{place}" }}
end = ["no-next"]
"""
    settings = {"PYTHONPATH": str(code), "afresh": True}
    with any_api(answer) as api:
        wrong = crawl_odd(start_crawl, tmp_path, api.base_url, lines.format(place="halves:Thirds"), **settings)  # type: ignore[arg-type]
        assert wrong.wait() == 2, wrong.log
        assert "python:halves:Thirds: the module halves has no such class: correct the name, or write it" in wrong.log
        assert api.asked == []
        crawl = crawl_odd(start_crawl, tmp_path, api.base_url, lines.format(place="halves:Halves"), **settings)  # type: ignore[arg-type]

    assert crawl.wait() == 0, crawl.log
    assert stored(database_url) == [record["id"] for record in RECORDS]
    assert [asked.target for asked in api.asked] == [f"/records?half={first}&size=10" for first in (0, 10, 20, 30, 40)]
