"""The table of replaced versions: when it is made, what it is called, what is refused; and the mark of a deletion."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import StorageRefused, StreamChanged, TableRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import Tombstone
from datasync_spider.storage.shape import check_tables
from datasync_spider.storage.tables import prepare_tables
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import open_test_run, run_writer, slice_of
from tests.support.sources import stream_spec
from tests.support.verifying import failing
from tests.support.versions import MUTABLE, history, stored, version

LONGEST = "n" * 63
TOMBSTONE = Tombstone(("state", "100% deleted"), True)
WITH_TOMBSTONE = replace(MUTABLE, tombstone=TOMBSTONE)


def named(url: str, stream: str) -> tuple[str, str | None]:
    found = rows(url, "SELECT table_name, history_name FROM ingestion_streams WHERE name = %s", (stream,))
    return found[0]


def test_a_history_is_made_when_a_run_first_asks_for_it_and_bears_its_tables_name(database_url: str) -> None:
    for spec in (
        stream_spec("events"),
        stream_spec("things", keeps_history=True),
        stream_spec("things", is_mutable=True),
    ):
        open_test_run(database_url, spec)
        assert named(database_url, spec.name)[1] is None
    for stream in ("events", "things", LONGEST):
        for _ in range(2):
            open_test_run(database_url, replace(MUTABLE, name=stream))
    assert named(database_url, "events") == ("ingested_events", "ingested_events__history")
    assert named(database_url, "things") == ("datasync__things", "datasync__things__history")
    table, kept = named(database_url, LONGEST)
    assert (kept, len(kept or "")) == (f"{table}__history", 63)
    assert value(database_url, "SELECT to_regclass(%s)::text", (kept,)) == kept


@pytest.mark.parametrize("first", ["things", "things__history"])
def test_a_stream_that_is_called_like_the_history_of_another_one_has_a_table_of_its_own(
    database_url: str, first: str
) -> None:
    second = "things__history" if first == "things" else "things"
    for stream in (first, second):
        with run_writer(database_url, replace(MUTABLE, name=stream)) as run:
            run.write(page(1, [version("x", 1)]), page(2, [version("x", 2)]))
    names = {name for stream in (first, second) for name in named(database_url, stream)}
    assert len(names) == 4
    for stream in (first, second):
        spec = replace(MUTABLE, name=stream)
        assert (stored(database_url, spec), history(database_url, spec)) == ({"x": "2"}, Counter([("x", "1")]))


@pytest.mark.parametrize("kind", ["TABLE ingested_events__history ()", "VIEW ingested_events__history AS SELECT 1"])
def test_someone_elses_relation_of_that_name_is_refused_and_left_alone(database_url: str, kind: str) -> None:
    execute_outside(database_url, f"CREATE {kind}")
    with pytest.raises(TableRefused, match=r"__history, and there is one that is not ours.*KEEP_HISTORY=false"):
        open_test_run(database_url, replace(MUTABLE, name="events"))
    assert named(database_url, "events")[1] is None
    open_test_run(database_url, replace(MUTABLE, name="events", keeps_history=False))


def test_a_history_is_in_the_schema_of_its_table_and_shares_a_slices_column_with_it(database_url: str) -> None:
    spec = replace(MUTABLE, schema="apart", slice='{"s":1}')
    with run_writer(database_url, spec) as run:
        run.write(page(1, [version("x", 1)]), page(2, [version("x", 2)]))
    kept = rows(database_url, "SELECT slice_id, event_id FROM apart.datasync__things__history")
    assert kept == [(slice_of(database_url, "things", spec.slice).slice_id, "x")]


def test_tables_of_streams_and_their_histories_are_no_fault_of_the_schema(database_url: str) -> None:
    for spec in (replace(MUTABLE, name="events"), WITH_TOMBSTONE):
        open_test_run(database_url, spec)
    with connected(database_url) as connection:
        check_tables(connection)
        prepare_tables(connection)


def test_rows_from_before_the_first_run_stay_accounted_for_when_they_are_replaced(database_url: str) -> None:
    execute_outside(
        database_url,
        "INSERT INTO ingested_events (event_id, occurred_at, payload, ingested_at) VALUES"
        """ ('a', 'epoch', '{"id":"a"}', '2020-01-01'), ('b', 'epoch', '{"id":"b"}', '2020-01-01');"""
        " UPDATE ingestion_state SET total_ingested = 2, oldest_occurred_at = 'epoch', oldest_event_id = 'a',"
        " newest_occurred_at = 'epoch', newest_event_id = 'b'",
    )
    with run_writer(database_url, rule="last") as run:
        run.write(page(1, [event("a", 10, b'{"v":2}'), event("c", 5)]), page(2, [event("a", 20, b'{"v":3}')]))
    assert failing(database_url) == set()


def deleted(url: str) -> dict[str, datetime | None]:
    return dict(rows(url, "SELECT event_id, deleted_at FROM datasync__things"))


def gone(marked: str = "true") -> str:
    return f',"state":{{"100% deleted":{marked}}}'


@pytest.mark.parametrize("slice_name", ["{}", '{"s":1}'])
def test_a_tombstone_marks_the_record_until_it_returns_and_its_last_payload_is_in_the_history(
    database_url: str, slice_name: str
) -> None:
    spec = replace(WITH_TOMBSTONE, slice=slice_name)
    with run_writer(database_url, spec) as run:
        run.write(page(1, [version("x", 1), version("y", 1, gone("false")), version("z", 1, gone('"true"'))]))
        assert deleted(database_url) == dict.fromkeys("xyz")
        run.write(page(2, [version("x", 2, gone()), event("t", 10, b'{"id":"t","v":1,"state":{"100% deleted":true}}')]))
        since = value(database_url, "SELECT ingested_at FROM datasync__things WHERE event_id = 'x'")
        assert deleted(database_url) == {
            **dict.fromkeys("yz"),
            "x": since,
            "t": datetime(1970, 1, 1, microsecond=10, tzinfo=UTC),
        }
        assert history(database_url, spec) == Counter([("x", "1")])
        # The page from before its deletion is read again, and then it returns.
        run.write(page(3, [version("x", 1)]))
        assert deleted(database_url)["x"] == since
        run.write(page(4, [version("x", 3)]))
        assert deleted(database_url)["x"] is None
        assert history(database_url, spec) == Counter([("x", "1"), ("x", "2")])


@pytest.mark.parametrize("value_", [None, False, 0, "it's 100%", {"b": [1], "a": "\u00e4"}, [[]]])
def test_any_json_may_be_the_mark(database_url: str, value_: Any) -> None:
    spec = replace(MUTABLE, tombstone=Tombstone(("mark",), value_))
    with run_writer(database_url, spec) as run:
        run.write(page(1, [version("x", 1, f',"mark":{json.dumps(value_)}'), version("y", 1, ',"mark":"other"')]))
        run.write(page(2, [version("z", 1)]))
    assert [name for name, at in deleted(database_url).items() if at] == ["x"]


def test_a_tombstone_is_how_a_stream_is_read(database_url: str) -> None:
    open_test_run(database_url, MUTABLE)
    with run_writer(database_url, WITH_TOMBSTONE) as run:
        run.write(page(1, [version("x", 1, gone())]))
    assert deleted(database_url)["x"] is not None
    other = replace(MUTABLE, tombstone=Tombstone(("gone",), True))
    with pytest.raises(StreamChanged, match=r"tombstone was 'state.100% deleted=true' and is 'gone=true'"):
        open_test_run(database_url, other)
    with pytest.raises(StreamChanged, match=r"tombstone was .* and is 'not set'"):
        open_test_run(database_url, replace(MUTABLE, fingerprint={"id": "id"}))
    # Nothing is stored of it any more, as after a reset.
    execute_outside(database_url, "DELETE FROM ingestion_pages; UPDATE ingestion_state SET total_ingested = 0")
    with run_writer(database_url, other) as run:
        run.write(page(1, [version("x", 1, gone()), version("y", 1, ',"gone":true')]))
    assert [name for name, at in deleted(database_url).items() if at] == ["y"]


def test_the_table_of_events_has_no_tombstones(database_url: str) -> None:
    with pytest.raises(StorageRefused, match="ingested_events has no column for tombstones"):
        open_test_run(database_url, replace(WITH_TOMBSTONE, name="events"))
    open_test_run(database_url, replace(MUTABLE, name="events"))
