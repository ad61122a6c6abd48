"""Sources, streams and slices as lines: how each is, in which order, and how little of many is read and given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.faces.dashboard.exposition import MEASURED, exposition
from datasync_spider.faces.dashboard.linerow import OVER, lines_page
from datasync_spider.observe.states import STATES
from datasync_spider.pacing.schedule import LATE_FACTOR
from datasync_spider.storage.connection import connected
from datasync_spider.storage.lines import LineQuestion, Lines, read_line_names, read_lines, read_measures
from tests.support.database import value
from tests.support.manyslices import make_slices, set_due, set_run

STREAM = "source-01.stream-1"


def tenant(number: int) -> str:
    return f'{{"tenant":"{number:04}"}}'


@pytest.fixture
def writing(database_url: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        yield connection


def read(url: str, **question: Any) -> Lines:
    with connected(url) as connection:
        return read_lines(connection, LineQuestion(**question), OVER)


def names(found: Lines) -> list[str]:
    return [" ".join(filter(None, (row["stream"] or row["source"], row["slice"]))) for row in found.lines]


@pytest.fixture
def one_of_each(database_url: str, writing: Connection) -> str:
    """1 and 2 fail, 3 has died, 4 was refused before it had a run, 5 is late, 6 is not yet, and so on, to a new one."""
    make_slices(writing, sources=1, streams=1, slices=9)
    set_run(writing, STREAM, tenant(1), status="failed", reason="api_refused")
    set_due(writing, STREAM, tenant(1), late=30.0, failures=3)
    set_run(writing, STREAM, tenant(2), status="incomplete", reason="short_read")
    set_run(writing, STREAM, tenant(3), status="running", ended_at=None)
    set_due(writing, STREAM, tenant(4), late=-60.0, failures=1)
    set_due(writing, STREAM, tenant(5), late=60 * LATE_FACTOR + 1)
    set_due(writing, STREAM, tenant(6), late=60 * LATE_FACTOR - 10)
    set_run(writing, STREAM, tenant(7), status="running", ended_at=None)
    with writing.cursor() as cursor:
        cursor.execute(
            "UPDATE ingestion_state SET lease_expires_at = now() + INTERVAL '1 hour' WHERE slice = %s", [tenant(7)]
        )
        cursor.execute("UPDATE ingestion_state SET paused_at = now() WHERE slice = %s", [tenant(8)])
    set_run(writing, STREAM, tenant(9), status="stopped", reason="SIGTERM")
    # Named, and in no other table yet.
    set_due(writing, STREAM, tenant(10))
    return database_url


def test_each_slice_is_in_one_word_what_it_is_and_those_that_fail_come_first(one_of_each: str) -> None:
    found = read(one_of_each)
    assert found.whole["level"] == "slices"
    assert [(row["slice"][11:15], row["state"]) for row in found.lines] == [
        ("0001", "failing"),
        ("0002", "failing"),
        ("0003", "failing"),
        ("0004", "failing"),
        ("0005", "late"),
        ("0007", "running"),
        ("0008", "paused"),
        ("0009", "stopped"),
        ("0010", "new"),
        ("0006", "fine"),
    ]
    assert {state: found.whole[state] for state in STATES} == dict.fromkeys(STATES, 1) | {"failing": 4}
    first = found.lines[0]
    assert (first["reason"], first["failures"], first["new_records"]) == ("api_refused", 3, 2)


def test_the_view_knows_the_states_of_the_list_and_no_other(database_url: str) -> None:
    definition = str(value(database_url, "SELECT pg_get_viewdef('ingestion_slice_states'::regclass)"))
    branches = definition.partition("AS state")[0].count("WHEN") + 1
    assert all(f"'{state}'::text" in definition for state in STATES)
    assert branches == len(STATES)
    # Asking for lines of a state is asking for its column.
    for state in STATES:
        assert read(database_url, state=state).lines == []


def test_what_was_never_begun_has_no_line(database_url: str) -> None:
    found = read(database_url)
    assert (found.whole["slices"], found.lines) == (0, [])


def test_several_slices_are_counted_together_and_of_lags_the_worst_is_given(one_of_each: str) -> None:
    for level in ("sources", "streams"):
        found = read(one_of_each, level=level)
        (line,) = found.lines
        assert (line["slices"], line["state"], line["failing"], line["late"]) == (10, "failing", 4, 1)
        assert line["new_records"] == 18
        assert line["lag_seconds"] == pytest.approx(540, abs=60)
        assert line["late_seconds"] == pytest.approx(60 * LATE_FACTOR, abs=60)
        assert line["failures"] == 3
        assert line["reason"] is None


def test_lines_are_found_by_any_name_narrowed_sorted_and_continued(database_url: str, writing: Connection) -> None:
    make_slices(writing, sources=3, streams=2, slices=30)
    set_run(writing, "source-03.stream-2", tenant(30), status="failed")
    # 180 slices are no page, six streams are.
    assert read(database_url).whole["level"] == "streams"
    assert read(database_url, limit=5).whole["level"] == "sources"
    assert names(read(database_url, level="sources")) == ["source-03", "source-01", "source-02"]
    assert names(read(database_url, level="streams", source="source-03")) == [
        "source-03.stream-2",
        "source-03.stream-1",
    ]
    assert names(read(database_url, level="slices", sort="name"))[:1] == [f"source-01.stream-1 {tenant(1)}"]
    assert names(read(database_url, level="slices", sort="lag"))[:1] == [f"source-01.stream-1 {tenant(30)}"]
    found = read(database_url, text='STREAM-2 {"tenant":"0007')
    assert names(found) == [f"source-0{n}.stream-2 {tenant(7)}" for n in (1, 2, 3)]
    failing = read(database_url, level="slices", state="failing")
    assert (names(failing), failing.whole["slices"]) == ([f"source-03.stream-2 {tenant(30)}"], 180)
    seen: list[str] = []
    for after in range(0, 180, 50):
        page = read(database_url, level="slices", after=after)
        assert page.whole["lines"] == 180
        seen += names(page)
    assert len(seen) == len(set(seen)) == 180
    assert seen[0] == f"source-03.stream-2 {tenant(30)}"


def test_a_page_of_a_thousand_slices_is_no_larger_than_one_of_a_hundred(database_url: str, writing: Connection) -> None:
    def sizes() -> list[int]:
        return [
            len(msgspec.json.encode(lines_page(read(database_url, level=level), 0)))
            for level in ("sources", "streams", "slices")
        ]

    make_slices(writing, sources=10, streams=10, slices=1)
    hundred = sizes()
    with writing.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingestion_state (stream_id, stream, slice, total_ingested)"
            " SELECT stream_id, name, n::text, 1 FROM ingestion_streams, generate_series(1, 9) AS n WHERE is_sliced"
        )
    thousand = sizes()
    assert read(database_url).whole["slices"] == 1_000
    for small, large in zip(hundred, thousand, strict=True):
        # Numbers are a digit longer, and of a line more states are told.
        assert large < 1.2 * small + 200
    assert max(thousand) < 25_000


def samples(url: str, *, per_slice: bool = False) -> list[str]:
    with connected(url) as connection:
        text = exposition(read_measures(connection, MEASURED, per_slice=per_slice), per_slice=per_slice).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_metrics_are_those_of_streams_however_many_slices_they_have(one_of_each: str, writing: Connection) -> None:
    found = samples(one_of_each)
    of_stream = f'{{source="source-01",stream="{STREAM}"}}'
    assert f"datasync_stream_total_ingested{of_stream} 90.0" in found
    assert f"datasync_last_run_inserted{of_stream} 18.0" in found
    assert f"datasync_stream_failures{of_stream} 3.0" in found
    assert f'datasync_slices{{source="source-01",state="failing",stream="{STREAM}"}} 4.0' in found
    assert f'datasync_slices{{source="source-01",state="fine",stream="{STREAM}"}} 1.0' in found
    assert any(line.startswith(f"datasync_stream_completed_timestamp_seconds{of_stream} 1.") for line in found)
    with writing.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingestion_state (stream_id, stream, slice, total_ingested) SELECT stream_id, name, n::text, 1"
            " FROM ingestion_streams, generate_series(1, 100) AS n WHERE is_sliced"
        )
    more = samples(one_of_each)
    assert f"datasync_stream_total_ingested{of_stream} 190.0" in more
    assert len(more) == len(found)
    # Who wants each has asked for it.
    each = samples(one_of_each, per_slice=True)
    assert len(each) > 20 * len(more)
    assert any(
        line.startswith('datasync_stream_failures{slice="{\\"tenant\\":\\"0001\\"}",source="source-01"')
        for line in each
    )


def test_all_names_are_those_of_the_lines(one_of_each: str) -> None:
    with connected(one_of_each) as connection:
        found = read_line_names(connection)
    assert [(one.source, one.stream, one.slice) for one in found] == [
        ("source-01", STREAM, tenant(number)) for number in range(1, 11)
    ]
