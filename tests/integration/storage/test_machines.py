"""Which machine runs what, from the tables alone: slices with theirs, and machines with how they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.faces.dashboard.machinerow import machines_page
from datasync_spider.observe.states import MACHINE_STATES
from datasync_spider.storage.connection import connected
from datasync_spider.storage.lines import LineQuestion, read_lines
from datasync_spider.storage.machines import Fleet, Machines, forget_fleet, note_fleet, read_fleets, read_machines
from tests.support.database import rows, value
from tests.support.machines import Ran, add_machines
from tests.support.manyslices import make_slices


@pytest.fixture
def writing(database_url: str) -> Iterator[Connection]:
    """No run of it has ended within the last hour but those of the test."""
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        make_slices(connection, sources=2, streams=2, slices=10)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE ingestion_runs SET ended_at = now() - INTERVAL '2 hours', heartbeat_at = started_at")
        yield connection


def read(url: str, *, after: int = 0, limit: int = 50) -> Machines:
    with connected(url) as connection:
        return read_machines(connection, after=after, limit=limit)


def test_a_machine_is_what_its_leases_and_its_ended_runs_say_and_who_needs_someone_comes_first(
    database_url: str, writing: Connection
) -> None:
    add_machines(
        writing,
        Ran("busy", slices=3),
        Ran("busy", reason="last_page", slices=2, inserted=7),
        Ran("busy", reason="last_page", ended_minutes=61),
        Ran("quiet", reason="reached_known", slices=2, inserted=0),
        # Two of three heartbeats of a lease are missing; all of another's are.
        Ran("slow", heard=250, lease=300),
        Ran("dead", heard=90, slices=2),
        # What this one had others have taken over.
        Ran("gone", reason="lost", heard=70, slices=4, inserted=1),
        Ran("twice", "10.0.0.2:40001", slices=2),
        Ran("twice", "10.0.0.2:40002", reason="last_page"),
        Ran("long ago", reason="last_page", ended_minutes=90),
    )
    found = read(database_url)
    assert [
        (row["machine"], row["state"], row["held"], row["syncs"], row["new_records"], row["lost"])
        for row in found.lines
    ] == [
        ("dead", "silent", 2, 0, 0, 0),
        ("slow", "late", 1, 0, 0, 0),
        ("gone", "lost", 0, 0, 4, 4),
        ("busy", "running", 3, 2, 14, 0),
        ("twice, worker 10.0.0.2:40001", "running", 2, 0, 0, 0),
        ("quiet", "idle", 0, 2, 0, 0),
        ("twice, worker 10.0.0.2:40002", "idle", 0, 1, 10, 0),
    ]
    assert {row["state"] for row in found.lines} == set(MACHINE_STATES)
    assert (found.whole["hosts"], found.whole["lines"], found.whole["held"], found.whole["syncs"]) == (6, 7, 8, 5)
    heard = {row["host"]: (row["read_at"] - row["heard_at"]).total_seconds() for row in found.lines}
    assert heard["dead"] == pytest.approx(90, abs=20)
    assert heard["gone"] == pytest.approx(130, abs=20)


def test_the_view_knows_the_states_of_machines_and_no_other(database_url: str) -> None:
    definition = str(value(database_url, "SELECT pg_get_viewdef('ingestion_machines'::regclass)"))
    assert all(f"'{state}'::text" in definition for state in MACHINE_STATES)
    assert definition.partition("AS state")[0].count("WHEN") + 1 == len(MACHINE_STATES)


def test_a_slice_that_is_under_way_says_where_and_is_found_and_sorted_by_that(
    database_url: str, writing: Connection
) -> None:
    add_machines(
        writing, Ran("beta", slices=2), Ran("alpha", "3", slices=1), Ran("dead", heard=90), Ran("x", reason="last_page")
    )

    def lines(**question: Any) -> list[tuple[str, str | None]]:
        with connected(database_url) as connection:
            asked = LineQuestion(level="slices")._replace(**question)
            return [(row["state"], row["machine"]) for row in read_lines(connection, asked, OVER).lines]

    assert lines(sort="machine", limit=5) == [
        ("running", "alpha, worker 3"),
        ("running", "beta"),
        ("running", "beta"),
        # No one has taken it over, and someone is to look there.
        ("failing", "dead"),
        ("fine", None),
    ]
    assert lines(text="ALPHA, worker") == [("running", "alpha, worker 3")]
    assert lines(text="beta") == [("running", "beta")] * 2
    with connected(database_url) as connection:
        streams = read_lines(connection, LineQuestion(level="streams", sort="name"), OVER)
    assert [row["machine"] for row in streams.lines] == ["several", None, None, None]
    assert streams.whole["machine"] == "several"


def test_of_a_run_it_is_known_afterwards_where_it_was(database_url: str, writing: Connection) -> None:
    add_machines(writing, Ran("alpha", reason="last_page"), Ran("beta-2.example.org", "0", reason="last_page"))
    with writing.cursor() as cursor:
        cursor.execute("UPDATE ingestion_runs SET owner = 'whatever an earlier version has said' WHERE run_id = 1")
    found = rows(
        database_url,
        "SELECT DISTINCT owner, host, worker FROM ingestion_run_facts WHERE run_id = 1 OR run_id > 40 ORDER BY 2",
    )
    assert found == [
        ("process 4711 on alpha", "alpha", None),
        ("process 4711 on beta-2.example.org, worker 0", "beta-2.example.org", "0"),
        ("whatever an earlier version has said", None, None),
    ]
    assert [row["host"] for row in read(database_url).lines] == ["alpha", "beta-2.example.org"]


def test_machines_are_turned_over_and_a_page_of_them_is_of_bounded_size(database_url: str, writing: Connection) -> None:
    with writing.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingestion_runs"
            " (slice_id, stream, fence, status, owner, version, pass_number, pass_kind, ended_at)"
            " SELECT id, stream, 3, 'complete', 'process 1 on ' || repeat('h', 300) || to_char(n, 'FM000'), '1', 3,"
            " 'full', now() FROM generate_series(1, 120) AS n,"
            " (SELECT * FROM ingestion_state ORDER BY id DESC LIMIT 1) AS one"
        )
    seen = []
    for after in (0, 50, 100):
        found = read(database_url, after=after)
        assert found.whole["lines"] == 120
        seen += [row["host"][-3:] for row in found.lines]
        assert len(msgspec.json.encode(machines_page(found, [], after))) < 40_000
    assert seen == [f"{number:03}" for number in range(1, 121)]


def test_a_driver_is_there_as_long_as_it_is_seen_and_leads_to_a_page_of_the_web_alone(
    database_url: str, writing: Connection
) -> None:
    pages = {
        "a": "http://10.0.0.1:8787/status",
        "b": "javascript:alert(1)",
        "c": "http://user:secret@10.0.0.1/",
        "d": None,
    }
    with connected(database_url) as connection:
        for name, page in pages.items():
            note_fleet(connection, Fleet(name, f"host-{name}", 4, page))
        note_fleet(connection, Fleet("d", "host-d", 6, None))
        found = read_fleets(connection)
        connection.rollback()
        assert {row["driver"]: row["places"] for row in found} == {"a": 4, "b": 4, "c": 4, "d": 6}
        shown = machines_page(read_machines(connection, after=0, limit=1), found, 0).fleets
        assert sorted((fleet.host, fleet.dashboard_url or "") for fleet in shown) == [
            ("host-a", pages["a"]),
            ("host-b", ""),
            ("host-c", ""),
            ("host-d", ""),
        ]
        connection.rollback()
        with writing.cursor() as cursor:
            cursor.execute("UPDATE ingestion_fleets SET seen_at = now() - INTERVAL '2 minutes' WHERE driver = 'a'")
            cursor.execute("UPDATE ingestion_fleets SET seen_at = now() - INTERVAL '2 days' WHERE driver = 'b'")
        forget_fleet(connection, "c")
        assert [row["driver"] for row in read_fleets(connection)] == ["d"]
    assert rows(database_url, "SELECT driver FROM ingestion_fleets ORDER BY 1") == [("a",), ("d",)]
