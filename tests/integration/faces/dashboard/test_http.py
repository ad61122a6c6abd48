"""The dashboard over real HTTP: what is answered to whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.faces.dashboard.guard import HEADERS
from datasync_spider.faces.dashboard.live import MOST_VIEWERS
from tests.integration.faces.dashboard.history import (
    Page,
    Run,
    add_events,
    add_rejected,
    add_run,
    clock,
    lease,
    set_stream,
)
from tests.integration.faces.dashboard.process import DashboardProcess, LiveConnection
from tests.support.crawl import PROJECT
from tests.support.database import value
from tests.support.waiting import eventually

Start = Callable[..., DashboardProcess]


@pytest.fixture
def dashboard(start_dashboard: Start) -> DashboardProcess:
    return start_dashboard()


@contextmanager
def live(dashboard: DashboardProcess) -> Iterator[LiveConnection]:
    with closing(LiveConnection(dashboard)) as connection:
        yield connection


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/api/state.json", "/healthz", "/nothing", "/api/runs/9.json"])
def test_every_answer_carries_the_policy(shared_dashboard: DashboardProcess, path: str) -> None:
    answer = shared_dashboard.ask(path)
    for name, text in HEADERS.items():
        assert answer.headers[name.lower()] == text
    assert answer.headers["cache-control"] in {"no-store", "no-cache"}
    assert "content-type" in answer.headers


def test_only_known_names_are_answered(start_dashboard: Start) -> None:
    dashboard = start_dashboard("--allow-host", "status.example")
    for host in ("localhost", f"127.0.0.1:{dashboard.port}", "[::1]:1", "Status.Example:443"):
        assert dashboard.ask("/healthz", headers={"Host": host}).status == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "status.example.evil", ""):
        for path in ("/", "/api/state.json", "/api/live", "/healthz", "/assets/app.js"):
            answer = dashboard.ask(path, headers={"Host": host})
            assert answer.status in {400, 403}, (host, path)
            assert b"streams" not in answer.body


def test_other_pages_cannot_ask(shared_dashboard: DashboardProcess) -> None:
    assert shared_dashboard.ask("/api/live", headers={"Origin": "https://evil.example"}).status == 403
    assert shared_dashboard.ask("/api/state.json", headers={"Origin": "null"}).status == 403
    own = f"http://127.0.0.1:{shared_dashboard.port}"
    assert shared_dashboard.ask("/api/state.json", headers={"Origin": own}).status == 200
    assert "access-control-allow-origin" not in shared_dashboard.ask("/api/state.json", headers={"Origin": own}).headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_looking_is_allowed(shared_dashboard: DashboardProcess, method: str) -> None:
    answer = shared_dashboard.ask("/api/state.json", method, body=b"x" * 200_000 if method == "POST" else None)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_tells_what_get_would(shared_dashboard: DashboardProcess) -> None:
    for path in ("/", "/api/runs.json"):
        reported, got = shared_dashboard.ask(path, "HEAD"), shared_dashboard.ask(path)
        assert reported.body == b""
        assert reported.status == got.status
        assert reported.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    "path",
    ["/assets/../server.py", "/assets/%2e%2e/server.py", "/assets/", "/server.py", "/assets/app.js/", "//", "/api/"],
)
def test_nothing_is_served_that_is_not_on_the_list(shared_dashboard: DashboardProcess, path: str) -> None:
    answer = shared_dashboard.ask(path)
    assert answer.status == 404
    assert answer.json == {"error": "There is nothing under this address."}


def test_every_address_that_is_documented_is_there(shared_dashboard: DashboardProcess) -> None:
    reported = re.findall(
        r"^\| `(/[^`]+)` \|", (PROJECT / "docs" / "operate" / "dashboard.md").read_text(), re.MULTILINE
    )
    assert "/api/runs/ID/series.json" in reported
    for path in reported:
        answer = shared_dashboard.ask(path.replace("ID", "9"), "HEAD" if path == "/api/live" else "GET")
        assert answer.status == (404 if "ID" in path else 200), path
        assert b"nothing under this address" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs.json?before=x",
        "/api/runs.json?before=-1",
        "/api/runs.json?limit=1e3",
        "/api/runs.json?status=dead",
        "/api/runs.json?stream=%00",
        "/api/lines.json?level=rows",
        "/api/lines.json?sort=size",
        "/api/lines.json?state=dead",
        "/api/lines.json?after=-1",
        "/api/rejected.json?reason=" + "x" * 300,
        "/api/events.json?run=1%27",
    ],
)
def test_a_question_that_makes_no_sense_is_refused_and_not_repeated(
    shared_dashboard: DashboardProcess, path: str
) -> None:
    answer = shared_dashboard.ask(path)
    assert answer.status == 400
    assert "xxx" not in answer.body.decode()


@pytest.mark.parametrize("path", ["/api/runs/9.json", "/api/runs/9/series.json"])
def test_a_run_that_is_not_there_is_not_found(shared_dashboard: DashboardProcess, path: str) -> None:
    assert shared_dashboard.ask(path).status == 404


def test_the_numbers_are_those_of_the_database(dashboard: DashboardProcess, writing: Connection) -> None:
    now = clock(writing)
    old = add_run(writing, Run("events", now, "failed", "api_refused", "status 401", ended_at=now, pages=[Page(0)]))
    pages = [Page(at, rejected=2, attempts=2) for at in (0, 20, 40)]
    running = add_run(writing, Run("events", now - timedelta(seconds=60), pages=pages, expected_total=40_000))
    totals = {"total_ingested": 15_000, "total_rejected": 6, "pass_expected_total": 40_000, "pass_status": "open"}
    set_stream(writing, "events", newest_occurred_at=now - timedelta(hours=1), **totals, **lease(running, now, 55))
    add_rejected(writing, running, "events", "no_id", b'{"a":1}')
    add_events(writing, 30, now, 2, ["click", "view"])

    (stream,) = dashboard.ask("/api/streams.json").json["streams"]
    assert (
        stream["values"]["total_ingested"],
        stream["values"]["total_rejected"],
        stream["accounted"],
        stream["expected"],
    ) == (
        15_000,
        6,
        15_006,
        40_000,
    )
    assert stream["lag_seconds"] == pytest.approx(3_600, abs=60)
    assert stream["lease"]["holder"] == "process 4711 on crawler-2"
    assert stream["seconds_left"] == pytest.approx((40_000 - 15_006) / (10_004 / 60), rel=0.3)
    run = stream["run"]
    assert (run["id"], *(run["values"][key] for key in ("events", "pages", "retries"))) == (running, 15_006, 3, 3)

    listed = dashboard.ask("/api/runs.json").json
    assert [entry["id"] for entry in listed["runs"]] == [running, old]
    assert listed["runs"][1]["activity"]["words"] == "The API refused a request in a way that no repetition mends."
    assert [entry["id"] for entry in dashboard.ask("/api/runs.json?status=failed").json["runs"]] == [old]
    assert dashboard.ask(f"/api/runs/{old}.json").json["detail"] == "status 401"
    series = dashboard.ask(f"/api/runs/{running}/series.json").json
    assert sum(series["retries"]) == 3
    assert series["pages"] == 3
    assert dashboard.ask("/api/rejected.json").json["events"][0]["text"] == [{"kind": "text", "text": '{"a":1}'}]
    assert dashboard.ask("/api/rejected/groups.json").json["groups"][0]["events"] == 1
    assert dashboard.ask("/api/events.json").json["types"] == [
        {"name": "click", "events": 15},
        {"name": "view", "events": 15},
    ]


def test_the_events_of_a_run_that_is_not_there_are_not_found(dashboard: DashboardProcess) -> None:
    assert dashboard.ask("/api/events.json?run=9").status == 404


def test_long_lists_are_continued(dashboard: DashboardProcess, writing: Connection) -> None:
    now = clock(writing)
    ids = [add_run(writing, Run("events", now, "complete", "last_page", ended_at=now)) for _ in range(7)]
    found: list[int] = []
    before = ""
    while True:
        page = dashboard.ask(f"/api/runs.json?limit=3{before}").json
        found += [run["id"] for run in page["runs"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert found == ids[::-1]


def test_viewers_get_messages_and_who_comes_back_gets_everything(
    dashboard: DashboardProcess, writing: Connection
) -> None:
    with live(dashboard) as viewer:
        assert viewer.answer.headers["Content-Type"].startswith("text/event-stream")
        assert viewer.message()["whole"]["states"] == {}
        set_stream(writing, "events", pass_status="complete")
        while viewer.message()["whole"]["states"] != {"new": 1}:
            pass
    set_stream(writing, "events", paused_at=clock(writing))
    with live(dashboard) as viewer:
        while viewer.message()["whole"]["states"] != {"paused": 1}:
            pass
    eventually(lambda: dashboard.ask("/healthz").json["viewers"] == 0, what="leaving")


def test_viewers_are_bounded_and_a_place_that_gets_free_is_given_away(shared_dashboard: DashboardProcess) -> None:
    with ExitStack() as open_connections:
        viewers = [open_connections.enter_context(live(shared_dashboard)) for _ in range(MOST_VIEWERS)]
        assert {viewer.answer.status for viewer in viewers} == {200}
        refused = shared_dashboard.ask("/api/live")
        assert refused.status == 503
        assert "retry-after" in refused.headers
        assert shared_dashboard.ask("/api/state.json").status == 200
        viewers[0].close()

        def welcome() -> bool:
            with live(shared_dashboard) as viewer:
                return viewer.answer.status == 200

        eventually(welcome, what="a free place")


def test_the_database_is_asked_only_while_someone_looks(dashboard: DashboardProcess, database_url: str) -> None:
    def connections() -> int:
        sql = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'datasync'"""
        return int(value(database_url, sql))

    assert connections() == 0
    with live(dashboard) as viewer:
        viewer.message()
        assert connections() == 1


def test_looking_does_not_read_the_table_of_events(
    dashboard: DashboardProcess, writing: Connection, database_url: str
) -> None:
    add_events(writing, 3_000, clock(writing), 3, ["click"])
    writing.cursor().execute("VACUUM ANALYZE ingested_events")

    def blocks() -> int:
        sql = """SELECT heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read FROM pg_statio_user_tables
                 WHERE relname = 'ingested_events'"""
        return int(value(database_url, sql))

    before = blocks()
    with live(dashboard) as viewer:
        for _ in range(3):
            viewer.message()
        for path in ("/api/runs.json", "/api/rejected.json", "/api/rejected/groups.json", "/api/state.json"):
            assert dashboard.ask(path).status == 200
    assert blocks() == before
    first = dashboard.ask("/api/events.json").json
    counted = eventually(lambda: blocks() if blocks() > before else 0, what="the count in the statistics")
    for _ in range(20):
        assert dashboard.ask("/api/events.json").json == first
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert blocks() == counted


def test_a_role_that_may_only_read_is_enough(start_dashboard: Start, writing: Connection, database_url: str) -> None:
    text = (PROJECT / "docs" / "operate" / "dashboard.md").read_text()
    sql = text.partition("```sql\n")[2].partition("```")[0]
    writing.cursor().execute(sql)
    try:
        dashboard = start_dashboard(url=re.sub(r"//\w+@", "//datasync_viewer@", database_url))
        assert dashboard.state()["database"]["available"]
        run_id = add_run(writing, Run("events", clock(writing), pages=[Page(0)]))
        paths = [
            "lines.json",
            "runs.json",
            f"runs/{run_id}/series.json",
            "events.json",
            "rejected.json",
            "rejected/groups.json",
        ]
        assert [dashboard.ask(f"/api/{path}").status for path in paths] == [200] * 6
        dashboard.end()
    finally:
        writing.cursor().execute("DROP OWNED BY datasync_viewer; DROP ROLE datasync_viewer")


def test_no_secret_is_shown(start_dashboard: Start, database_url: str) -> None:
    secret = "hunter2-hunter2"
    with_password = re.sub(r"//(\w+)@", rf"//\1:{secret}@", database_url)
    dashboard = start_dashboard(url=with_password)
    paths = ["/", "/api/state.json", "/api/runs.json", "/api/rejected.json", "/api/events.json", "/healthz"]
    assert all(secret not in dashboard.ask(path).body.decode() for path in paths)
    assert secret not in dashboard.greeting
