"""What a view keeps while it grows: names, places, types, what others have built on it, and who may read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg2.errors
import pytest

from datasync_spider.errors import StorageError, StorageRefused
from datasync_spider.sources.columns import Column
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.viewcolumns import plan_view
from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import Tombstone, register
from datasync_spider.storage.removal import drop, find_target
from datasync_spider.storage.samples import read_all
from datasync_spider.storage.viewkeeping import keep_up, look_at
from datasync_spider.storage.views import Applied, find_view, update_view
from tests.support.database import execute_outside, rows
from tests.support.limitedrole import LimitedRole
from tests.support.sources import stream_spec

VIEW = "ingested_events_typed"
_NAMES = """
    SELECT attname::text || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 4 ORDER BY attnum
"""
_ids = iter(range(10**6))


def store(url: str, *payloads: dict[str, Any], table: str = "ingested_events") -> None:
    for payload in payloads:
        values = (f"e{next(_ids)}", json.dumps(payload))
        execute_outside(url, f"INSERT INTO {table} (event_id, payload) VALUES (%s, %s)", values)


def keep(url: str, *declared: Column, stream: str = "events") -> Applied:
    with connected(url) as connection:
        applied = keep_up(connection, stream, declared, has_new=True)
    assert applied is not None
    return applied


def apply(url: str, *declared: Column) -> Applied:
    """As a person does."""
    with connected(url) as connection:
        view = find_view(connection, "events")
        assert view is not None
        fields = look_at(read_all(connection, view.table), view, declared)
        connection.rollback()
        applied = update_view(
            connection, "events", lambda seen: plan_view(seen.known, declared, fields, may_retype=True)
        )
    assert applied is not None
    return applied


def columns(url: str, view: str = VIEW) -> list[str]:
    return [text for (text,) in rows(url, _NAMES, (view,))]


def column(path: str, **facts: Any) -> Column:
    return Column(path=parse_path(path), **facts)


def test_new_fields_come_last_and_what_is_gone_stays(database_url: str) -> None:
    store(database_url, {"b": 1, "a": "x"})
    assert keep(database_url).is_new
    store(database_url, {"c": True, "a": "y"})
    assert keep(database_url).added == ("c",)
    # As jsonb has its members: the shorter, then the earlier first.
    assert columns(database_url) == ["a text", "b bigint", "c boolean"]


def test_a_crawl_changes_no_type(database_url: str) -> None:
    store(database_url, {"n": 1})
    keep(database_url)
    store(database_url, {"n": 1.5}, {"n": "x"})
    applied = keep(database_url)
    assert not applied.is_changed
    assert applied.plan.notes == [
        "n is bigint, and what is stored needs jsonb: its type stays until --apply changes it"
    ]
    assert rows(database_url, f"SELECT n FROM {VIEW} ORDER BY n") == [(1,), (None,), (None,)]


def test_a_person_changes_types_and_grants_and_comments_stay(database_url: str, role: LimitedRole) -> None:
    store(database_url, {"n": 1, "m": 1})
    keep(database_url)
    execute_outside(database_url, f"GRANT UPDATE ON {VIEW} TO {role.name} WITH GRANT OPTION")
    execute_outside(database_url, f"COMMENT ON COLUMN {VIEW}.n IS 'it''s 100%'")
    before = rows(database_url, f"SELECT relacl::text FROM pg_class WHERE oid = '{VIEW}'::regclass")
    store(database_url, {"n": 1.5})
    assert apply(database_url).retyped == ("n",)
    assert columns(database_url) == ["m bigint", "n numeric"]
    assert rows(database_url, f"SELECT relacl::text FROM pg_class WHERE oid = '{VIEW}'::regclass") == before
    assert role.name in before[0][0]
    said = f"SELECT attname::text, col_description('{VIEW}'::regclass, attnum) FROM pg_attribute"
    found = rows(database_url, f"{said} WHERE attrelid = '{VIEW}'::regclass AND attname IN ('m', 'n') ORDER BY 1")
    assert found == [("m", None), ("n", "it's 100%")]


def test_a_type_that_others_need_stays_and_the_rest_is_added(database_url: str) -> None:
    store(database_url, {"n": 1})
    keep(database_url)
    execute_outside(database_url, f"CREATE VIEW theirs AS SELECT n + 1 AS next FROM {VIEW}")
    store(database_url, {"n": 1.5, "o": "x"})
    applied = apply(database_url)
    assert applied.kept is not None
    assert "theirs" in applied.kept
    assert applied.added == ("o",)
    assert columns(database_url) == ["n bigint", "o text"]
    assert sorted(rows(database_url, "SELECT next FROM theirs"), key=str) == [(2,), (None,)]
    # It is said again, and nothing else happens.
    assert apply(database_url).kept == applied.kept


def test_what_the_source_declares_has_its_name_and_its_type(database_url: str) -> None:
    declared = [
        column("user.login", name="Author"),
        column("n", type="numeric"),
        column("tags[0]", name="first_tag"),
        column("deep.er.still", type="text"),
        column("never", type="boolean"),
        column("unknown"),
    ]
    store(database_url, {"user": {"login": "ann"}, "n": 5, "tags": ["a"], "deep": {"er": {"still": "x"}}})
    applied = keep(database_url, *declared)
    assert sorted(columns(database_url)) == [
        *("Author text", "deep_er jsonb", "deep_er_still text", "first_tag text", "n numeric", "never boolean"),
        "tags jsonb",
    ]
    assert applied.plan.notes == [
        "unknown has no column yet: nothing is stored at unknown but null, and no type is declared"
    ]
    found = rows(database_url, f'SELECT "Author", n, first_tag, deep_er_still, never FROM {VIEW}')
    assert found == [("ann", 5, "a", "x", None)]


def test_a_name_keeps_its_path(database_url: str) -> None:
    store(database_url, {"a": 1, "b": 2})
    keep(database_url)
    applied = keep(database_url, column("b", name="a"))
    assert applied.plan.notes == ["a is declared for b, and the view has it for a: name it otherwise"]
    assert rows(database_url, f"SELECT a, b FROM {VIEW}") == [(1, 2)]
    # Also where the view is dropped and made again.
    store(database_url, {"fooBar": 1})
    keep(database_url)
    store(database_url, {"foo_bar": 2})
    keep(database_url)
    before = columns(database_url)
    execute_outside(database_url, f"DROP VIEW {VIEW}")
    assert keep(database_url).is_new
    assert columns(database_url) == before
    assert len([name for name in before if name.startswith("foo_bar")]) == 2


def test_names_of_the_table_and_of_the_language_are_not_taken(database_url: str) -> None:
    store(database_url, {"event_id": 1, "user": "ann", "slice_id": 2, "order": 3})
    keep(database_url)
    assert rows(database_url, f"SELECT event_id_, user_, slice_id_, order_ FROM {VIEW}") == [(1, "ann", 2, 3)]


def test_an_object_with_very_many_members_is_one_column(database_url: str) -> None:
    store(database_url, *({"by_id": {f"{n}": n}, "n": n} for n in range(101)))
    keep(database_url)
    assert columns(database_url) == ["n bigint", "by_id jsonb"]


def test_someone_elses_view_is_left_alone(database_url: str) -> None:
    execute_outside(database_url, f"CREATE VIEW {VIEW} AS SELECT 1 AS mine")
    store(database_url, {"a": 1})
    with pytest.raises(StorageRefused, match="has a column mine of type integer that this program has not made"):
        keep(database_url)
    execute_outside(database_url, f"DROP VIEW {VIEW}; CREATE TABLE {VIEW} (mine integer)")
    with pytest.raises(StorageRefused, match="something else has that name"):
        keep(database_url)


def test_a_table_whose_tombstone_changes_takes_its_view_along(database_url: str) -> None:
    def opened(value: Sequence[str]) -> None:
        spec = stream_spec("shop.items", source="shop", tombstone=Tombstone(("state",), value))
        with connected(database_url) as connection:
            register(connection, spec)
            connection.commit()

    opened("gone")
    table, view = "shop__items", "shop__items_typed"
    store(database_url, {"state": "away"}, table=table)
    keep(database_url, stream="shop.items")
    execute_outside(database_url, f"TRUNCATE {table}")
    opened("away")
    store(database_url, {"state": "away"}, table=table)
    found = rows(database_url, f"SELECT state, deleted_at = ingested_at FROM {view}")
    assert found == [("away", True)]


def test_a_stream_is_dropped_with_its_view_unless_someone_needs_that(database_url: str) -> None:
    with connected(database_url) as connection:
        register(connection, stream_spec("shop.items", source="shop"))
        connection.commit()
    store(database_url, {"a": 1}, table="shop__items")
    keep(database_url, stream="shop.items")
    execute_outside(database_url, "CREATE VIEW theirs AS SELECT a FROM shop__items_typed")
    with connected(database_url) as connection:
        target = find_target(connection, "shop.items", None)
        assert target is not None
        with pytest.raises(StorageError, match="theirs depends on"):
            drop(connection, target, 60_000)
        execute_outside(database_url, "DROP VIEW theirs")
        drop(connection, target, 60_000)
    assert rows(database_url, "SELECT FROM ingestion_columns") == []
    assert rows(database_url, "SELECT FROM pg_class WHERE relname LIKE 'shop__items%%'") == []


def test_who_may_read_the_table_may_read_the_view(database_url: str, role: LimitedRole) -> None:
    store(database_url, {"a": 1})
    keep(database_url)
    assert rows(role.url, f"SELECT a FROM {VIEW}") == [(1,)]
    execute_outside(database_url, f"REVOKE SELECT ON ingested_events FROM {role.name}")
    # The view opens no door.
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(role.url, f"SELECT a FROM {VIEW}")
