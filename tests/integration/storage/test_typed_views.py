"""The view beside a stream's table says of each value what its type can hold, whatever an API has sent; it only grows.

``TYPED_RECORDS=100000`` compares as many records.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extras import execute_values

from datasync_spider.storage import views
from datasync_spider.storage.connection import connected
from datasync_spider.storage.viewkeeping import keep_up
from tests.support.changingfeed import at, expected, misfit, parsed, payloads
from tests.support.database import execute_outside, rows

RECORDS = int(os.environ.get("TYPED_RECORDS", "3000"))
VIEW = "ingested_events_typed"
_FETCHED = 500


def store(url: str, texts: list[str], first: int = 0) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        numbered = [(f"e{first + number}", text) for number, text in enumerate(texts)]
        execute_values(cursor, "INSERT INTO ingested_events (event_id, payload) VALUES %s", numbered, page_size=1_000)
    connection.close()


def keep(url: str) -> None:
    with connected(url) as connection:
        assert keep_up(connection, "events", (), has_new=True) is not None


def columns(url: str) -> dict[str, tuple[str, list[str | int]]]:
    """The typed ones, by name: their type as PostgreSQL has it, and their path."""
    types = rows(
        url,
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (VIEW,),
    )
    paths: dict[str, list[str | int]] = dict(rows(url, "SELECT name, path FROM ingestion_columns"))
    short = {"timestamp with time zone": "timestamptz"}
    return {name: (short.get(type_, type_), paths[name]) for name, type_ in types if name in paths}


def read_view(url: str, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """The payload as text, then the columns; what is jsonb as text, too."""
    connection = psycopg2.connect(url, options="-c timezone=UTC")
    text = psycopg2.extensions.new_type((3802,), "JSONB_TEXT", psycopg2.extensions.UNICODE)
    psycopg2.extensions.register_type(text, connection)
    try:
        with connection.cursor(name="view") as cursor:
            wanted = sql.SQL(", ").join(map(sql.Identifier, ["payload", *names]))
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(wanted, sql.Identifier(VIEW)))
            while found := cursor.fetchmany(_FETCHED):
                yield from found
    finally:
        connection.close()


def said(value: Any, type_: str) -> Any:
    """A value of the view as the oracle writes it."""
    if value is None:
        return None
    if type_ == "jsonb":
        return parsed(value)
    return Decimal(value) if type_ in {"bigint", "numeric"} else value


def is_same(first: Any, second: Any) -> bool:
    """Of numbers by value: true is no 1."""
    return first == second and (type(first) is type(second)) and ("True" in repr(first)) == ("True" in repr(second))


def test_each_value_of_a_feed_that_changes_is_in_the_view_or_null_and_whole_in_the_payload(database_url: str) -> None:
    texts = list(payloads(RECORDS, seed=20))
    third = len(texts) // 3
    # The view is made in the first life of the feed, and added to in the others.
    for part in range(3):
        store(database_url, texts[part * third : (part + 1) * third if part < 2 else None], first=part * third)
        keep(database_url)
    typed = columns(database_url)
    assert len(typed) == 500
    compared = differing = misfits = 0
    for payload, *values in read_view(database_url, list(typed)):
        record = parsed(payload)
        for (type_, path), found in zip(typed.values(), values, strict=True):
            stored = at(record, path)
            compared += 1
            if stored is None and found is None:
                continue
            misfits += misfit(stored, type_)
            if not is_same(said(found, type_), expected(stored, type_)):
                differing += 1
                print(path, type_, stored, found)
    assert (compared, differing) == (len(texts) * len(typed), 0)
    assert misfits > len(texts)


def test_no_odd_value_makes_a_query_fail(database_url: str) -> None:
    store(database_url, list(payloads(300, seed=1)))
    keep(database_url)
    # All columns, also those with which a table is joined and sorted.
    found = rows(database_url, f"SELECT count(*) FROM (SELECT * FROM {VIEW} ORDER BY price, at, author) AS sorted")
    assert found == [(300,)]


def test_counting_by_one_column_looks_at_no_other(database_url: str) -> None:
    store(database_url, ['{"type": "a", "n": 1}', '{"type": "b", "n": 2}', '{"type": "a", "n": "x"}'])
    keep(database_url)
    assert sorted(rows(database_url, f"SELECT type, count(*) FROM {VIEW} GROUP BY 1")) == [("a", 2), ("b", 1)]
    plan = "\n".join(
        line for (line,) in rows(database_url, f"EXPLAIN VERBOSE SELECT type, count(*) FROM {VIEW} GROUP BY 1")
    )
    assert "'type'" in plan
    assert "'n'" not in plan


def test_an_index_on_a_columns_expression_is_used_by_a_query_on_the_view(database_url: str) -> None:
    store(database_url, [f'{{"at": "2024-01-01T00:00:00.{n:06}Z"}}' for n in range(1_000)])
    keep(database_url)
    execute_outside(database_url, "CREATE INDEX by_at ON ingested_events (ingestion_timestamptz(payload -> 'at'))")
    execute_outside(database_url, "ANALYZE ingested_events")
    plan = rows(database_url, f"EXPLAIN SELECT event_id FROM {VIEW} WHERE at = '2024-01-01T00:00:00.000007Z'")
    assert "by_at" in "\n".join(line for (line,) in plan)


def test_no_setting_of_a_session_changes_an_instant(database_url: str) -> None:
    store(database_url, list(payloads(300, seed=2)))
    instant = "extract(epoch FROM ingestion_timestamptz(payload -> 'at'))"
    epochs = f"SELECT event_id, {instant} FROM ingested_events ORDER BY event_id"
    usual = rows(database_url, epochs)
    odd = f"SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; {epochs}"
    assert rows(database_url, odd) == usual
    assert sum(epoch is not None for _, epoch in usual) > 100


def test_two_that_make_a_view_at_once_make_one(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # How long the others wait for the first one is the host's business.
    monkeypatch.setattr(views, "_LOCK_TIMEOUT_MS", 60_000)
    store(database_url, list(payloads(300, seed=3)))
    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(keep, database_url) for _ in range(4)]:
            outcome.result(60)
    positions = rows(database_url, "SELECT position FROM ingestion_columns ORDER BY 1")
    assert positions == [(n,) for n in range(len(columns(database_url)))]
