"""Indexes that a source asks for: made after a full sync, beside its runs, and used where the view is looked at."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from tests.support.collection import item, park, serving_collection
from tests.support.crawl import Crawl
from tests.support.database import execute_outside, rows, value
from tests.support.waiting import eventually

VIEW = "park__items_typed"
COLUMNS = (
    'columns = ["auto", { path = "size", index = true }, { path = "note", type = "text", index = true },'
    ' { path = "at", index = true }, { path = "tags", index = true },'
    ' { path = "price", type = "numeric", index = true }]'
)
INDEXES = (
    "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE indrelid = 'park__items'::regclass AND NOT indisprimary ORDER BY 1"
)
ALL = [
    (f"park__items_{name}", True)
    for name in ("at_timestamptz", "note_text", "price_numeric", "size_bigint", "tags_jsonb")
]
StartCrawl = Callable[..., Crawl]


def records() -> list[dict[str, Any]]:
    # A text that no B-tree takes.
    return [
        item(f"r{n}", n * 60, size=n, note="x" * 50_000 if n == 3 else f"n{n}", tags=[n], price=1.5) for n in range(7)
    ]


def sync(start_crawl: StartCrawl, settings: dict[str, str], **more: str) -> str:
    crawl = start_crawl("", spider="park.items", **settings, **more)
    assert crawl.wait() == 0, crawl.log
    return crawl.log


def plan(url: str, condition: str) -> str:
    """Of a table that is small, so that reading all of it would be cheaper."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM {VIEW} WHERE {condition}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_indexes_are_made_after_the_first_full_sync_and_the_view_uses_them(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", records()) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', COLUMNS)
        killed = start_crawl("", spider="park.items", **settings, DATASYNC_FAILPOINT="after_commit@1=kill")
        assert killed.wait() == -signal.SIGKILL
        assert rows(database_url, INDEXES) == []
        assert "making the index park__items_size_bigint" in sync(start_crawl, settings)
        assert rows(database_url, INDEXES) == ALL
        assert "making the index" not in sync(start_crawl, settings)
        for condition, name in (
            ("size = 3", "size_bigint"),
            ("size > 3", "size_bigint"),
            ("note = 'n1'", "note_text"),
            ("at >= '2026-01-01T12:03:00Z'", "at_timestamptz"),
            ("tags @> '[4]'", "tags_jsonb"),
            ("price = 1.5", "price_numeric"),
        ):
            assert f"park__items_{name}" in plan(database_url, condition), condition
        # One that was not finished, as a server that was killed leaves it.
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'park__items_note_text'::regclass"
        execute_outside(database_url, broken)
        assert "the index park__items_note_text was not finished, and is made again" in sync(start_crawl, settings)
        assert rows(database_url, INDEXES) == ALL
        # What its text holds refuses no row.
        api.records.append(item("r8", 900, size=8, note="y" * 90_000, tags=["z" * 9_000], price=1.5))
        sync(start_crawl, settings)
        assert value(database_url, "SELECT count(*) FROM park__items") == 8


def test_an_index_that_cannot_be_made_fails_no_run_and_a_stop_ends_it(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    with serving_collection("newest-first", records()) as api:
        settings = park(tmp_path / "sources", api, '{ type = "known" }', COLUMNS)
        execute_outside(database_url, "CREATE TABLE park__items_size_bigint ()")
        log = sync(start_crawl, settings)
        assert "no index of size: park__items_size_bigint is something else, rename or drop it" in log
        assert rows(database_url, INDEXES) == [one for one in ALL if "size" not in one[0]]
        execute_outside(database_url, "DROP TABLE park__items_size_bigint")
        # An old transaction that may still look at the table keeps an index from being finished.
        with closing(psycopg2.connect(database_url)) as old, old.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM park__items")
            waiting = start_crawl("", spider="park.items", **settings)
            eventually(lambda: "making the index park__items_size_bigint" in waiting.log, what="the index to be begun")
            assert value(database_url, "SELECT status FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == "complete"
            waiting.kill(signal.SIGTERM)
            waiting.wait()
        assert ("park__items_size_bigint", False) in rows(database_url, INDEXES)
        sync(start_crawl, settings)
        assert rows(database_url, INDEXES) == ALL
