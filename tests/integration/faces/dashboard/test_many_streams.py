"""Streams and slices beside each other: each is distinguished, each can be reached, and each is counted by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.storage.connection import connected
from datasync_spider.storage.registry import Slice, register
from tests.integration.faces.dashboard.history import Page, Run, add_rejected, add_run, clock, set_slice, set_stream
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.manyslices import make_slices, set_run
from tests.support.sources import stream_spec

A, B = '{"tenant":"a"}', '{"tenant":"b"}'


@pytest.fixture
def slices(database_url: str, writing: Connection) -> list[Slice]:
    """Two slices of ``orders`` with equal ids, of which a has 30 rows and b has 12, and a stream ``b`` with five."""
    specs = [stream_spec("orders", slice_name=A), stream_spec("orders", slice_name=B), stream_spec("b")]
    with connected(database_url) as connection:
        made = [register(connection, spec) for spec in specs]
        connection.commit()
    now = clock(writing)
    for slice_, rows in zip(made, (30, 12, 5), strict=True):
        number = slice_.table.slice_id
        with writing.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {slice_.table} ({'slice_id, ' if number else ''}event_id, occurred_at, payload)"
                f" SELECT {f'{number}, ' if number else ''} n::text, now(), jsonb_build_object('type', %s)"
                " FROM generate_series(1, %s) AS n",
                (slice_.name[11:12] or "plain", rows),
            )
        set_slice(writing, slice_.stream, slice_.name, total_ingested=rows, updated_at=now)
        run = Run(slice_.stream, now, "complete", "last_page", ended_at=now, pages=[Page(0)], slice=slice_.name)
        run_id = add_run(writing, run)
        add_rejected(writing, run_id, slice_.stream, "no_id", b"the same bytes", slice=slice_.name)
    return made


def ask(dashboard: DashboardProcess, path: str, **parameters: str) -> dict[str, object]:
    answer = dashboard.ask(f"/api/{path}?{urlencode(parameters)}")
    assert answer.status == 200, answer.body
    found: dict[str, object] = answer.json
    return found


def named(found: object) -> list[tuple[str, str | None]]:
    assert isinstance(found, list)
    return [(each.get("stream", each.get("name")), each["slice"]) for each in found]


@pytest.mark.usefixtures("slices")
def test_slices_of_one_stream_are_distinguished_everywhere(start_dashboard: Callable[..., DashboardProcess]) -> None:
    dashboard = start_dashboard()
    lines = dashboard.ask("/api/lines.json").json["lines"]
    assert [(each["stream"], each.get("slice")) for each in lines] == [("b", None), ("orders", A), ("orders", B)]
    assert named(dashboard.state()["runs"]) == [("b", None), ("orders", B), ("orders", A)]
    one, whole, plain = {"stream": "orders", "slice": B}, {"stream": "orders"}, {"stream": "b"}
    for path, key in (("streams.json", "streams"), ("runs.json", "runs"), ("rejected.json", "events")):
        assert named(ask(dashboard, path, **one)[key]) == [("orders", B)], path
        assert sorted(named(ask(dashboard, path, **whole)[key])) == [("orders", A), ("orders", B)], path
        assert named(ask(dashboard, path, **plain)[key]) == [("b", None)], path
        assert ask(dashboard, path, stream="orders", slice="{}")[key] == [], path
    groups = ask(dashboard, "rejected/groups.json", **one)["groups"]
    assert named(groups) == [("orders", B)]
    assert len(named(ask(dashboard, "rejected/groups.json")["groups"])) == 3


@pytest.mark.parametrize(
    ("of", "events", "types"),
    [
        ({"stream": "orders", "slice": B}, 12, ["b"]),
        ({"stream": "orders"}, 42, ["a", "b"]),
        ({"stream": "b"}, 5, ["plain"]),
        ({"run": "2"}, 12, ["b"]),
        # With nothing chosen: the stream that was written last.
        ({}, 5, ["plain"]),
    ],
)
def test_events_are_counted_in_the_table_of_what_is_chosen(
    start_dashboard: Callable[..., DashboardProcess],
    writing: Connection,
    slices: list[Slice],
    of: dict[str, str],
    events: int,
    types: list[str],
) -> None:
    set_slice(writing, "b", slices[2].name, updated_at=clock(writing))
    # What was written later and holds nothing is not what anyone wants to see.
    set_stream(writing, "events", updated_at=clock(writing))
    with writing.cursor() as cursor:
        cursor.execute("UPDATE ingestion_runs SET started_at = now() - INTERVAL '1 hour', ended_at = now()")
    counts = ask(start_dashboard(), "events.json", **of)
    assert counts["events"] == events
    counted = counts["types"]
    assert isinstance(counted, list)
    assert [each["name"] for each in counted] == types
    assert (counts["stream"], counts["slice"]) == (
        "b" if types == ["plain"] else "orders",
        B if types == ["b"] else None,
    )


def test_a_stream_that_there_is_not_has_no_events(shared_dashboard: DashboardProcess) -> None:
    assert shared_dashboard.ask("/api/events.json?stream=nothing").status == 404
    assert shared_dashboard.ask("/api/streams.json?slice=a").status == 400


def test_each_of_three_hundred_is_found_by_its_name_and_by_going_on(
    start_dashboard: Callable[..., DashboardProcess], writing: Connection
) -> None:
    for number in range(1, 300):
        set_slice(writing, f"stream-{number:03}", "{}")
    dashboard = start_dashboard()
    found = ask(dashboard, "streams.json", find="REAM-299")
    assert (named(found["streams"]), found["next_after"]) == ([("stream-299", None)], None)
    seen, after = [], "0"
    while after != "None":
        page = ask(dashboard, "streams.json", after=after)
        seen += named(page["streams"])
        after = str(page["next_after"])
    assert [name for name, _ in seen] == ["events", *(f"stream-{number:03}" for number in range(1, 300))]


def test_what_travels_to_a_viewer_of_a_thousand_slices_is_one_page_with_the_failing_first(
    start_dashboard: Callable[..., DashboardProcess], writing: Connection
) -> None:
    make_slices(writing, sources=20, streams=5, slices=10)
    last = '{"tenant":"0010"}'
    set_run(writing, "source-20.stream-5", last, status="failed", reason="api_refused")
    dashboard = start_dashboard()
    state = dashboard.ask("/api/state.json")
    assert state.json["whole"] == {
        "sources": 20,
        "streams": 100,
        "slices": 1_000,
        "states": {"failing": 1, "fine": 999},
    }
    assert len(state.body) < 15_000
    asked = [dashboard.ask(f"/api/lines.json?limit=5000{more}") for more in ("", "&level=streams", "&level=slices")]
    assert [len(answer.json["lines"]) for answer in asked] == [20, 50, 50]
    assert max(len(answer.body) for answer in asked) < 25_000
    source, stream, slice_ = (answer.json["lines"][0] for answer in asked)
    assert (source["source"], source["slices"], source["states"]) == ("source-20", 50, {"failing": 1, "fine": 49})
    assert (stream["stream"], stream["slices"]) == ("source-20.stream-5", 10)
    assert (slice_["stream"], slice_["slice"], slice_["reason"]) == ("source-20.stream-5", last, "api_refused")
    pages = [dashboard.ask(f"/api/lines.json?level=slices&after={after}").json for after in (0, 950)]
    assert [page["next_after"] for page in pages] == [50, None]


def test_metrics_name_slices_where_they_are_asked_to(
    start_dashboard: Callable[..., DashboardProcess],
    writing: Connection,
    database_url: str,
    tmp_path: Path,
) -> None:
    make_slices(writing, sources=1, streams=1, slices=2)
    metrics = start_dashboard().ask("/metrics").body
    assert b"slice=" not in metrics
    assert b'datasync_slices{source="source-01",state="fine",stream="source-01.stream-1"} 2.0' in metrics
    each = DashboardProcess(database_url, tmp_path / "each", METRICS_PER_SLICE="true")
    try:
        assert each.ask("/metrics").body.count(b"datasync_stream_total_ingested{slice=") == 2
    finally:
        each.end()
