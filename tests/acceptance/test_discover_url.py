"""``scrapy discover URL`` to the file that it writes, and what may go wrong on the way."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.support.apiserver import serving_api
from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.unknownapis import Asked, Said, records

ALL = records(37, newest_first=True)
KEY = "k-4711-of-some-length"
STREAM_OF_URL = "things"


def tokens(asked: Asked) -> Said:
    start = asked.number("after", 0)
    limit = min(asked.number("limit", 10), 20)
    token = {"next_cursor": str(start + limit)} if start + limit < len(ALL) else {"next_cursor": None}
    return Said({"data": ALL[start : start + limit], "total": len(ALL), **token})


def test_a_file_is_written_shown_proven_and_crawled_by_the_sources_name(
    tmp_path: Path, start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    file = tmp_path / "sources" / "shop.toml"
    settings = {"SOURCES_DIR": str(file.parent), "SHOP_TOKEN": KEY, "DATABASE_URL": database_url}
    with serving_api(tokens) as api:
        header = "Authorization: Bearer secret:SHOP_TOKEN"
        done = scrapy("discover", f"{api.url}/v1/things", "-H", header, "--write", str(file), SHOP_TOKEN=KEY)
        assert done.returncode == 0, done.stderr
        assert len(api.asked) <= 5
        assert {headers["authorization"] for headers in api.headers} == {f"Bearer {KEY}"}
        assert KEY not in file.read_text() + done.stderr + done.stdout
        stream = tomllib.loads(file.read_text())["streams"][STREAM_OF_URL]
        assert stream["next"] == {"from": "body:next_cursor", "to": "query:after"}
        assert (stream["order"], stream["total"], stream["page_size"]["max"]) == ("newest-first", "total", 20)

        api.asked.clear()
        shown = scrapy(
            "crawl", "shop", "--dry-run", **{**settings, "DATABASE_URL": "postgresql://nowhere.invalid/none"}
        )
        assert shown.returncode == 0, shown.stderr
        assert "would be stored: 10 records, ids r036 to r027" in shown.stdout
        assert "table: shop__things" in shown.stdout
        assert len(api.asked) == 1
        assert not rows(database_url, "SELECT 1 FROM ingestion_runs")

        api.asked.clear()
        looked = scrapy("doctor", "shop", **settings)
        assert looked.returncode == 0, looked.stdout
        assert "the position advances" in looked.stdout
        assert "order is newest-first, as 20 different times say" in looked.stdout
        assert len(api.asked) <= 3

        crawl = start_crawl("", spider="shop", **settings)
        assert crawl.wait() == 0, crawl.log
    assert len(rows(database_url, "SELECT event_id FROM shop__things")) == len(ALL)


def test_a_literal_secret_is_refused_before_anything_is_sent_and_not_shown() -> None:
    with serving_api(tokens) as api:
        done = scrapy("discover", f"{api.url}/v1/things", "-H", f"Authorization: Bearer {KEY}")
        assert done.returncode == 2
        assert KEY not in done.stderr + done.stdout
        assert "secret:NAME" in done.stderr
        assert not api.asked


def test_a_file_that_is_there_is_kept_and_nothing_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("# mine\n")
    with serving_api(tokens) as api:
        done = scrapy("discover", f"{api.url}/v1/things", "--write", str(file))
        assert done.returncode == 2
        assert file.read_text() == "# mine\n"
        assert not api.asked
        assert scrapy("discover", f"{api.url}/v1/things", "--write", str(file), "--force").returncode == 0
        assert 'name = "shop"' in file.read_text()
        schema = file.parent / file.read_text().splitlines()[0].removeprefix("#:schema ")
        assert json.loads(schema.read_text())["required"] == ["source", "streams"]


def test_the_schema_is_printed() -> None:
    done = scrapy("discover", "--schema")
    assert done.returncode == 0
    assert json.loads(done.stdout)["required"] == ["source", "streams"]
