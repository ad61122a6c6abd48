"""Streams in the registry: where their tables are made, under which names, and what is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from datasync_spider.errors import StreamChanged, StreamPaused, TableRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import Slice, StreamSpec, find_slice, table_name
from datasync_spider.storage.runs import open_run
from tests.support.database import execute_outside, rows, value
from tests.support.pages import page
from tests.support.runs import EVENTS, run_writer
from tests.support.sources import READER, stream_spec


def opened(url: str, spec: StreamSpec) -> Slice:
    with connected(url) as connection:
        return open_run(connection, spec, 60_000, "test").slice


def relations(url: str, name: str) -> list[tuple[str, str]]:
    found = "SELECT nspname, relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relname = %s"
    return [(schema, relation) for schema, relation in rows(url, found, (name,))]


def test_events_keeps_the_first_table_and_others_have_their_own(database_url: str) -> None:
    assert opened(database_url, stream_spec("events")) == EVENTS
    assert str(opened(database_url, stream_spec("orders")).table) == "datasync__orders"
    issues = opened(database_url, stream_spec("github.issues", source="github"))
    assert (issues.stream, str(issues.table)) == ("github.issues", "github__issues")
    assert relations(database_url, "github__issues") == [("public", "github__issues")]


@pytest.mark.parametrize("name", ['quo"ted', "semi;colon", "Capital", "пример", "a b", "%s", "{table}", "x" * 63])
def test_whatever_a_name_holds_it_is_a_name_and_nothing_else(database_url: str, name: str) -> None:
    with run_writer(database_url, name) as run:
        run.write(page(1, ["a", "b"]))
        run.write(page(2, ["b", "c"], ends_pass="last_page"))
        table = run.run.slice.table
    assert len(relations(database_url, table.name)) == 1
    assert value(database_url, "SELECT total_ingested FROM ingestion_state WHERE stream = %s", (name,)) == 3


def test_names_that_postgresql_would_cut_to_one_have_two_tables(database_url: str) -> None:
    names = ["long" * 15 + "-a", "long" * 15 + "-b"]
    tables = [opened(database_url, stream_spec(name)).table.name for name in names]
    assert len(set(tables)) == 2
    for table in tables:
        assert table.startswith("datasync__longlong")
        assert relations(database_url, table) == [("public", table)]
        assert len(f"{table}__history".encode()) <= 63


def test_a_name_is_cut_between_characters() -> None:
    name = table_name("datasync", "ü" * 40)
    assert name.startswith("datasync__üü")
    assert name.encode().decode() == name


def test_two_streams_whose_names_ask_for_one_table_have_two(database_url: str) -> None:
    first = opened(database_url, stream_spec("a.b__c", source="a"))
    second = opened(database_url, stream_spec("a__b.c", source="a__b"))
    assert str(first.table) == "a__b__c"
    assert str(second.table).startswith("a__b__c_")
    assert opened(database_url, stream_spec("a__b.d", source="a__b")).table.name == "a__b__d"


@pytest.mark.parametrize("kind", ["TABLE datasync__taken (a int)", "VIEW datasync__taken AS SELECT 1 AS a"])
def test_someone_elses_table_is_refused_and_nothing_is_registered(database_url: str, kind: str) -> None:
    execute_outside(database_url, f"CREATE {kind}")
    with pytest.raises(TableRefused, match=r"needs a table datasync__taken, and there is one that is not ours"):
        opened(database_url, stream_spec("taken"))
    with connected(database_url) as connection:
        assert find_slice(connection, "taken", READER) is None


def test_a_schema_of_its_own_is_made_and_remembered(database_url: str) -> None:
    spec = stream_spec("orders", schema="Raw data")
    table = opened(database_url, spec).table
    assert (table.schema, table.name) == ("Raw data", "datasync__orders")
    assert relations(database_url, "datasync__orders") == [("Raw data", "datasync__orders")]
    execute_outside(database_url, "UPDATE ingestion_state SET lease_owner = NULL")
    assert opened(database_url, replace(spec, schema=None)).table == table
    assert opened(database_url, stream_spec("beside", schema="public")).table.schema is None


def test_a_stream_is_of_one_source_and_sliced_or_not_for_good(database_url: str) -> None:
    opened(database_url, stream_spec("plain"))
    opened(database_url, stream_spec("sliced", '{"n":1}'))
    for spec, words in (
        (stream_spec("plain", source="elsewhere"), "the stream plain is of the source datasync, not of elsewhere"),
        (stream_spec("plain", "acme"), "the stream plain has no slices, and SLICE names acme"),
        (stream_spec("sliced"), "the stream sliced has slices, and none is named: set SLICE"),
        (stream_spec("events", "acme"), "the stream events has no slices"),
    ):
        with pytest.raises(StreamChanged, match=words):
            opened(database_url, spec)


def test_a_stream_that_is_read_otherwise_is_refused_once_something_is_stored(database_url: str) -> None:
    spec = stream_spec("orders", fingerprint={"id": "id", "next": "cursor"})
    opened(database_url, spec)
    execute_outside(database_url, "UPDATE ingestion_state SET lease_owner = NULL")
    # Nothing is stored yet that could mean something else.
    changed = replace(spec, fingerprint={"id": "key", "next": "cursor"})
    opened(database_url, changed)
    execute_outside(database_url, "UPDATE ingestion_state SET lease_owner = NULL")
    with run_writer(database_url, "orders") as run:
        run.write(page(1, ["a"]))
    with pytest.raises(StreamChanged, match=r"\(id was 'key' and is 'id'\).*scrapy streams reset orders"):
        opened(database_url, spec)


def test_a_paused_slice_is_not_opened_and_says_since_when(database_url: str) -> None:
    execute_outside(database_url, "UPDATE ingestion_state SET paused_at = '2026-01-02 03:04:05+00'")
    with pytest.raises(StreamPaused, match=r"events is paused since 2026-01-02 03:04:05 UTC: scrapy streams resume"):
        opened(database_url, stream_spec("events"))
