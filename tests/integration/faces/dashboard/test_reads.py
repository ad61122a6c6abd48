"""What is read for the page, from a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from datasync_spider.errors import StorageError
from datasync_spider.faces.dashboard.linerow import OVER
from datasync_spider.storage.connection import Connection as Session
from datasync_spider.storage.dashboard import (
    ReadOnlySession,
    StreamRows,
    count_events,
    is_schema_missing,
    is_timeout,
    read_chosen,
    read_overview,
    read_rejected,
    read_rejected_groups,
    read_runs,
    read_streams,
)
from datasync_spider.storage.statements import SEED_TABLE, StreamTable
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
from tests.support.database import execute_outside, value


@pytest.fixture
def session(database_url: str) -> Iterator[ReadOnlySession]:
    found = ReadOnlySession(database_url)
    yield found
    found.close()


def chosen(connection: Session, stream: str | None, slice_name: str | None = None) -> list[int] | None:
    """The slices that a filter means."""
    if stream is None:
        return None
    found = read_chosen(connection, stream, slice_name)
    return found.slice_ids if found else []


def read_all(connection: Session) -> StreamRows:
    return read_streams(connection, slice_ids=None, text=None, after=0, limit=5)


def ask(connection: Connection, sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        assert row is not None
        return str(row[0])


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM rejected_events",
        "UPDATE ingestion_state SET cursor = NULL",
        "CREATE TABLE anything (id INTEGER)",
        "SELECT nextval('ingestion_runs_run_id_seq')",
    ],
)
def test_nothing_can_be_written(session: ReadOnlySession, sql: str) -> None:
    with pytest.raises(StorageError, match="read-only transaction"):
        session.run(lambda connection: ask(connection, sql), 5)


def test_the_limits_are_those_of_the_transaction_and_leave_the_session_alone(session: ReadOnlySession) -> None:
    assert session.run(lambda connection: ask(connection, "SHOW transaction_read_only"), 5) == "on"
    assert session.run(lambda connection: ask(connection, "SHOW statement_timeout"), 3) == "3s"
    assert session.run(lambda connection: ask(connection, "SHOW default_transaction_read_only"), 5) == "off"

    def after_rollback(connection: Connection) -> str:
        connection.rollback()
        return ask(connection, "SHOW statement_timeout")

    assert session.run(after_rollback, 3) == "0"


def test_a_statement_that_takes_too_long_is_ended_as_such(session: ReadOnlySession) -> None:
    with pytest.raises(StorageError) as caught:
        session.run(lambda connection: ask(connection, "SELECT pg_sleep(30)"), 0.1)
    assert is_timeout(caught.value)


def test_a_connection_that_died_while_idle_is_replaced(session: ReadOnlySession, writing: Connection) -> None:
    backend = session.run(lambda connection: ask(connection, "SELECT pg_backend_pid()"), 5)
    ask(writing, f"SELECT pg_terminate_backend({backend}, 5000)")
    assert session.run(lambda connection: ask(connection, "SELECT pg_backend_pid()"), 5) != backend


def test_a_database_without_tables_is_known_by_its_code(empty_database_url: str) -> None:
    session = ReadOnlySession(empty_database_url)
    with pytest.raises(StorageError) as caught:
        session.run(lambda connection: read_overview(connection, OVER, max_runs=5), 5)
    assert is_schema_missing(caught.value)
    session.close()


def test_an_overview_holds_streams_their_newest_runs_and_the_pace_of_those_that_run(
    session: ReadOnlySession, writing: Connection
) -> None:
    now = clock(writing)
    add_run(writing, Run("events", now - timedelta(hours=3), "complete", "last_page", ended_at=now))
    pages = [Page(at, waited_ms=int(at)) for at in (0, 1_500, 1_700, 1_790)]
    running = add_run(writing, Run("events", now - timedelta(seconds=1_800), pages=pages))
    other = add_run(writing, Run("other", now - timedelta(hours=2), "stopped", "SIGTERM", ended_at=now))
    set_stream(writing, "events", **lease(running, now, 60))
    set_stream(writing, "other", updated_at=now - timedelta(hours=2))
    overview = session.run(lambda connection: read_overview(connection, OVER, max_runs=2), 5)
    assert (overview.whole["slices"], overview.whole["running"], overview.whole["stopped"]) == (2, 1, 1)
    assert [row["run_id"] for row in overview.newest_runs] == [other, running]
    found = session.run(read_all, 5)
    assert [(row["stream"], row["newest_run_id"]) for row in found.streams] == [("events", running), ("other", other)]
    assert found.current_runs[running]["holds_lease"] is True
    # Three pages lie within the last ten minutes; the first of them only reports when the window begins.
    assert set(overview.recent) == set(found.recent) == {running}
    recent = found.recent[running]
    assert (recent["pages"], recent["events"], recent["accounted"]) == (3, 10_000, 10_000)
    assert recent["longest_wait_ms"] == 1_790
    assert (recent["last_at"] - recent["first_at"]).total_seconds() == 290


def test_a_replay_says_nothing_of_how_a_stream_goes(session: ReadOnlySession, writing: Connection) -> None:
    now = clock(writing)
    crawl = add_run(writing, Run("events", now, "failed", "api_refused", ended_at=now))
    replay = add_run(writing, Run("events", now, "complete", "replayed", ended_at=now, pass_kind="replay"))
    overview = session.run(lambda connection: read_overview(connection, OVER, max_runs=5), 5)
    assert overview.whole["failing"] == 1
    assert session.run(read_all, 5).streams[0]["newest_run_id"] == crawl
    assert [row["run_id"] for row in overview.newest_runs] == [replay, crawl]


def test_runs_are_filtered_and_continued(session: ReadOnlySession, writing: Connection) -> None:
    now = clock(writing)
    statuses = ["complete", "failed", "complete", "stopped", "complete"]
    ids = [add_run(writing, Run("events", now, status, "x", ended_at=now)) for status in statuses]
    other = add_run(writing, Run("other", now, "complete", "x", ended_at=now))

    def listed(stream: str | None, status: str | None, before: int | None = None) -> list[int]:
        rows = session.run(
            lambda connection: read_runs(
                connection, slice_ids=chosen(connection, stream), status=status, before=before, limit=2
            ),
            5,
        )
        return [row["run_id"] for row in rows]

    assert listed(None, None) == [other, ids[4]]
    assert listed("events", "complete") == [ids[4], ids[2]]
    assert listed("events", "complete", ids[2]) == [ids[0]]
    assert listed("nobody", None) == []


def test_only_the_head_of_a_dead_letter_leaves_the_database(session: ReadOnlySession, writing: Connection) -> None:
    now = clock(writing)
    run = add_run(writing, Run("events", now))
    add_rejected(writing, run, "events", "no_id", b"a" * 100_000, detail="d" * 5_000)
    add_rejected(writing, run, "events", "too_deep", b"\x00\xff")

    def read(reason: str | None) -> list[dict[str, object]]:
        return session.run(
            lambda connection: read_rejected(
                connection, slice_ids=None, reason=reason, before=None, limit=10, limit_bytes=2_048
            ),
            5,
        )

    small, large = read(None)
    assert (small["head"], small["bytes"]) == (b"\x00\xff", 2)
    assert (large["head"], large["bytes"], large["detail"]) == (b"a" * 2_048, 100_000, "d" * 2_048)
    assert [row["reason"] for row in read("too_deep")] == ["too_deep"]


def test_dead_letters_are_grouped_by_stream_and_reason(session: ReadOnlySession, writing: Connection) -> None:
    now = clock(writing)
    run = add_run(writing, Run("events", now))
    for number in range(3):
        add_rejected(writing, run, "events", "no_id", b"%d" % number, replayed_at=now if number == 0 else None)
    add_rejected(writing, run, "other", "no_id", b"0")
    groups = session.run(lambda connection: read_rejected_groups(connection, 10), 5)
    reported = [(row["stream"], row["reason"], row["events"], row["replayed"]) for row in groups]
    assert reported == [("events", "no_id", 3, 1), ("other", "no_id", 1, 0)]


def count(session: ReadOnlySession, max_bytes: int, since: datetime | None = None) -> tuple[float, dict[str, int]]:
    counts = session.run(
        lambda connection: count_events(
            connection, StreamTable(SEED_TABLE), since=since, until=None, max_bytes=max_bytes, limit=50
        ),
        30,
    )
    return counts.percent, {f"{row['kind']} {row['day'] or row['type']}": row["events"] for row in counts.rows}


def test_a_small_table_is_counted_exactly(session: ReadOnlySession, writing: Connection) -> None:
    add_events(writing, 400, datetime(2024, 3, 10, 23, 59, 59, tzinfo=UTC), 4, ["click", "view"])
    with writing.cursor() as cursor:
        cursor.execute("""INSERT INTO ingested_events (event_id, occurred_at, payload) VALUES
                          ('none', NULL, '{}'), ('early', '0044-03-15 BC', '[]'), ('late', '20000-01-01', '"x"')""")
    percent, found = count(session, 10**9)
    assert percent == 100
    assert found == {
        "all None": 403,
        **{f"day 2024-03-{day:02}": 100 for day in (7, 8, 9, 10)},
        "day None": 3,
        "type click": 200,
        "type view": 200,
        "type None": 3,
    }


def test_only_what_was_stored_since_then_is_counted_where_that_is_asked(
    session: ReadOnlySession, writing: Connection
) -> None:
    add_events(writing, 100, datetime(2024, 3, 10, tzinfo=UTC), 1, ["old"])
    since = clock(writing)
    add_events(writing, 50, datetime(2024, 3, 10, tzinfo=UTC), 1, ["new"])
    _, found = count(session, 10**9, since)
    assert found["all None"] == found["type new"] == 50


def test_a_large_table_is_sampled_by_its_blocks(session: ReadOnlySession, writing: Connection) -> None:
    add_events(writing, 40_000, datetime(2024, 3, 10, tzinfo=UTC), 8, ["click", "view"])
    whole = int(ask(writing, "SELECT pg_relation_size('ingested_events')"))
    percent, found = count(session, whole // 4)
    assert 24 < percent < 26
    assert 40_000 * 0.7 < found["all None"] * 100 / percent < 40_000 * 1.3
    # The seed is fixed: the same question gets the same answer.
    assert count(session, whole // 4) == (percent, found)


def test_days_are_those_of_utc_whatever_the_servers_time_zone(database_url: str) -> None:
    name = value(database_url, "SELECT current_database()")
    execute_outside(database_url, f"ALTER DATABASE {name} SET timezone = 'Pacific/Kiritimati'")
    connection = psycopg2.connect(database_url)
    add_events(connection, 10, datetime(2024, 3, 10, 23, 0, tzinfo=UTC), 0, ["click"])
    connection.commit()
    connection.close()
    session = ReadOnlySession(database_url)
    assert "day 2024-03-10" in count(session, 10**9)[1]
    session.close()
