"""``scrapy schema``, and views that crawls keep up, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.collection import item, park, serving_collection
from tests.support.crawl import PROJECT, Crawl, clean_environment, scrapy
from tests.support.database import execute_outside, rows

COLUMNS = 'columns = ["auto", { path = "user.mail", name = "mail", mask = true }, { path = "size", type = "bigint" }]'
VIEW = "park__items_typed"


def records(first: int, **more: Any) -> list[dict[str, Any]]:
    return [item(f"r{n}", n * 60, **more) for n in range(first, first + 4)]


def sync(start_crawl: Callable[..., Crawl], settings: dict[str, str]) -> str:
    crawl = start_crawl("", spider="park.items", **settings)
    assert crawl.wait() == 0, crawl.log
    return crawl.log


def test_a_crawl_keeps_its_view_up_and_schema_shows_what_is_stored(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    user = {"login": "ann", "mail": "ann@example.com"}
    with serving_collection("newest-first", records(0, user=user, size=3)) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', COLUMNS)
        assert f"made the view public.{VIEW} with 5 typed columns" in sync(start_crawl, settings)
        # Nothing new: nothing is looked at.
        assert VIEW not in sync(start_crawl, settings)
        api.records += records(4, user=user, size="huge", labels=["a\x1b[31m"], none=None)
        log = sync(start_crawl, settings)
        assert f"the view public.{VIEW} has new columns: labels" in log
    assert rows(database_url, f"SELECT mail, size, count(*) FROM {VIEW} GROUP BY 1, 2 ORDER BY 2") == [
        ("ann@example.com", 3, 4),
        ("ann@example.com", None, 4),
    ]
    settings |= {"DATABASE_URL": database_url}

    done = scrapy("schema", "park.items", **settings)
    assert done.returncode == 0, done.stderr
    assert "ann@example.com" not in done.stdout
    assert '"ann"' in done.stdout
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert done.stdout.splitlines()[-1] == "note: nothing but null is stored in none: no column is made of that"

    report = json.loads(scrapy("schema", "park.items", "--json", **settings).stdout)
    shown = {column["name"]: column for column in report["columns"]}
    assert (report["records"], report["view"], report["is_made"]) == (8, VIEW, True)
    assert (shown["size"]["type"], shown["size"]["misfits"], shown["size"]["null_share"]) == ("bigint", 4, 0.0)
    assert (shown["labels"]["type"], shown["labels"]["null_share"]) == ("jsonb", 0.5)
    assert shown["labels"]["first_seen"] > shown["id"]["first_seen"]
    assert shown["mail"]["examples"] == ["***"]
    assert shown["user_login"]["examples"] == ['"ann"']

    # What is printed makes the same view.
    made = rows(database_url, f"SELECT pg_get_viewdef('{VIEW}'::regclass)")
    printed = scrapy("schema", "park.items", "--sql", **settings).stdout
    execute_outside(database_url, f"DROP VIEW {VIEW}")
    execute_outside(database_url, printed)
    assert rows(database_url, f"SELECT pg_get_viewdef('{VIEW}'::regclass)") == made

    applied = scrapy("schema", "park.items", "--apply", **settings)
    assert (applied.returncode, applied.stdout) == (0, f"the view public.{VIEW} is as it is to be\n")

    dbt = scrapy("schema", "park.items", "--dbt", **settings).stdout
    assert '  - name: "park"' in dbt
    assert '          - name: "mail"' in dbt
    assert dbt.count("meta: {masked: true}") == 1

    other = scrapy("schema", "park.itemz", **settings)
    assert other.returncode == 2
    assert (
        "there is no stream park.itemz: this database has: events, park.items (did you mean park.items?)"
        in other.stderr
    )


def test_without_auto_a_view_is_made_by_hand_alone(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", records(0)) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', "")
        sync(start_crawl, settings)
    settings |= {"DATABASE_URL": database_url}
    assert rows(database_url, "SELECT FROM ingestion_columns") == []
    shown = subprocess.run(
        [sys.executable, "-m", "datasync_spider", "schema", "park.items"],
        cwd=PROJECT,
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"view public.{VIEW}, not made yet: datasync schema park.items --apply makes it" in shown.stdout
    applied = scrapy("schema", "park.items", "--apply", **settings)
    assert applied.stdout == f"made the view public.{VIEW} with 2 typed columns\n"
    assert len(rows(database_url, f"SELECT id, at FROM {VIEW}")) == 4


def test_a_view_that_cannot_be_made_is_a_warning_and_no_failure(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    execute_outside(database_url, f"CREATE VIEW {VIEW} AS SELECT 1 AS theirs")
    with serving_collection("newest-first", records(0)) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', COLUMNS)
        log = sync(start_crawl, settings)
    assert "the view of the stream park.items was not brought up to date: the view public.park__items_typed has" in log
    assert rows(database_url, f"SELECT * FROM {VIEW}") == [(1,)]
    refused = scrapy("schema", "park.items", "--apply", **settings, DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert "has a column theirs of type integer that this program has not made" in refused.stderr
