"""What is stored of a stream, or of a slice, is forgotten whole or not at all, and nothing of others is touched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from datasync_spider.errors import FencedOff, LeaseHeld, StorageRefused, StorageUnavailable
from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage import removal
from datasync_spider.storage.connection import Connection, connect, connected, limit_transaction
from datasync_spider.storage.registry import register
from datasync_spider.storage.removal import Target, drop, find_target, reset
from datasync_spider.storage.runs import OpenRun, finish_run, open_run
from datasync_spider.storage.streams import list_slices
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import ELSEWHERE, RunWriter, open_test_run
from tests.support.sources import stream_spec
from tests.support.waiting import eventually

_TTL_MS = 60_000
_STATE = (
    "cursor, pass_status, total_ingested, total_rejected, total_filtered, total_adopted, newest_event_id, completed_at"
)
_BEGUN_ANEW = (None, "new", 0, 0, 0, 0, None, None)


def fill(url: str, stream: str = "orders", slice_name: str = "{}", ids: str = "abc", *, ends: bool = True) -> OpenRun:
    """A run that stores these, with a dead letter and a conflict, and ends."""
    with connected(url) as connection:
        spec = stream_spec(stream, slice_name, fingerprint={"id": "id"})
        run = open_run(connection, spec, _TTL_MS, "test", me=ELSEWHERE, alive=lambda _: False)
    writer = RunWriter(url, run)
    with closing(writer.connection):
        dead = [RejectedEvent(0, "missing_id", b'{"dead":"%s"}' % slice_name.encode())]
        writer.write(page(1, list(ids), rejected=dead))
        writer.write(page(2, [event(ids[0], payload=b'{"other":1}')], ends_pass="last_page" if ends else None))
        if ends:
            finish_run(writer.connection, run, "complete", "last_page", None, 0, 0)
    return run


def target_of(url: str, stream: str = "orders", slice_name: str | None = None) -> Target:
    with connected(url) as connection:
        found = find_target(connection, stream, slice_name)
    assert found is not None
    return found


def remove(
    url: str,
    action: Callable[..., None],
    stream: str = "orders",
    slice_name: str | None = None,
    *,
    alive: bool | None = None,
) -> None:
    target = target_of(url, stream, slice_name)
    with connected(url) as connection:
        action(connection, target, _TTL_MS, alive=lambda _: alive)


def counts(url: str, *, of: str, table: str = "datasync__orders") -> dict[str, int]:
    """Rows that there are of a slice, by the table that they are in."""
    (slice_id,) = [
        id_ for id_, name in rows(url, "SELECT id, slice FROM ingestion_state WHERE stream = 'orders'") if name == of
    ] or [0]
    by_number = {
        name: value(url, f"SELECT count(*) FROM {name} WHERE slice_id = %s", (slice_id,))
        for name in ("ingestion_runs", "ingestion_pages", "rejected_events", "event_conflicts", table)
    }
    return {name.removeprefix("ingestion_"): count for name, count in by_number.items()}


A, B = '{"n":"a"}', '{"n":"b"}'


def test_a_reset_forgets_what_is_stored_and_keeps_the_history(database_url: str) -> None:
    fill(database_url)
    fill(database_url, "others")
    fence = value(database_url, "SELECT fence FROM ingestion_state WHERE stream = 'orders'")
    remove(database_url, reset)
    assert rows(database_url, f"SELECT {_STATE} FROM ingestion_state WHERE stream = 'orders'") == [_BEGUN_ANEW]
    assert rows(
        database_url, "SELECT fence, pass_number, first_run_id FROM ingestion_state WHERE stream = 'orders'"
    ) == [(fence + 1, 1, 2)]
    assert rows(database_url, "SELECT event_id FROM datasync__orders") == []
    assert rows(database_url, "SELECT fingerprint FROM ingestion_streams WHERE name = 'orders'") == [(None,)]
    for table, left in {"rejected_events": 1, "event_conflicts": 1, "ingestion_runs": 2, "ingestion_pages": 4}.items():
        assert value(database_url, f"SELECT count(*) FROM {table}") == left, table
    assert value(database_url, "SELECT count(*) FROM datasync__others") == 3
    with connected(database_url) as connection:
        spec = stream_spec("orders", fingerprint={"id": "another"})
        run = open_run(connection, spec, _TTL_MS, "test")
    assert (run.resume.pass_number, run.resume.pass_kind, run.resume.cursor, run.resume.trail) == (2, "full", None, ())
    assert run.slice.table.name == "datasync__orders"


def test_the_reset_of_a_slice_leaves_the_others_and_what_is_known_of_the_stream(database_url: str) -> None:
    fill(database_url, slice_name=A)
    fill(database_url, slice_name=B)
    remove(database_url, reset, slice_name=A)
    assert counts(database_url, of=A) == {
        "runs": 1,
        "pages": 2,
        "rejected_events": 0,
        "event_conflicts": 0,
        "datasync__orders": 0,
    }
    assert set(counts(database_url, of=B).values()) == {1, 2, 3}
    assert rows(database_url, f"SELECT {_STATE} FROM ingestion_state WHERE slice = %s", (A,)) == [_BEGUN_ANEW]
    assert rows(database_url, "SELECT fingerprint FROM ingestion_streams WHERE name = 'orders'") == [({"id": "id"},)]


def test_a_dropped_stream_leaves_nothing_and_its_source_goes_with_the_last_one(database_url: str) -> None:
    before = registry(database_url)
    with connected(database_url) as connection:
        register(connection, stream_spec("elsewhere", source="another"))
        connection.commit()
    fill(database_url, slice_name=A)
    remove(database_url, drop)
    remove(database_url, drop, "elsewhere")
    assert registry(database_url) == before
    for table in ("ingestion_runs", "ingestion_pages", "rejected_events", "event_conflicts"):
        assert value(database_url, f"SELECT count(*) FROM {table}") == 0, table
    assert rows(database_url, "SELECT FROM pg_class WHERE relname IN ('datasync__orders', 'another__elsewhere')") == []
    assert fill(database_url, slice_name=B).slice.table.name == "datasync__orders"


def test_where_a_run_was_led_astray_before_a_reset_the_next_position_is_trusted(database_url: str) -> None:
    run = fill(database_url, ends=False)
    with connected(database_url) as connection:
        finish_run(connection, run, "failed", "no_new_records", None, 0, 0)
    remove(database_url, reset)
    open_test_run(database_url, "orders")
    resume = open_test_run(database_url, "orders").resume
    assert (resume.distrusted, resume.pass_number, resume.chain, resume.begins_pass) == (False, 2, 1, False)


def registry(url: str) -> list[tuple[object, ...]]:
    return rows(
        url,
        "SELECT source.name, stream.name, slice FROM ingestion_sources AS source LEFT JOIN ingestion_streams AS stream"
        " USING (source_id) LEFT JOIN ingestion_state USING (stream_id) ORDER BY 1, 2, 3",
    )


def test_a_dropped_slice_goes_with_its_rows_and_the_table_stays(database_url: str) -> None:
    fill(database_url, slice_name=A)
    fill(database_url, slice_name=B)
    slice_id = value(database_url, "SELECT id FROM ingestion_state WHERE slice = %s", (A,))
    remove(database_url, drop, slice_name=A)
    assert set(counts(database_url, of=A).values()) == {0}
    assert value(database_url, "SELECT count(*) FROM datasync__orders WHERE slice_id = %s", (slice_id,)) == 0
    assert set(counts(database_url, of=B).values()) == {1, 2, 3}
    remove(database_url, drop, slice_name=B)
    with connected(database_url) as connection:
        assert [row["slice"] for row in list_slices(connection, ["orders"], 0)] == [None]


def test_the_table_that_every_database_has_is_not_dropped(database_url: str) -> None:
    fill(database_url, "events")
    with pytest.raises(StorageRefused, match="scrapy streams reset events empties it"):
        remove(database_url, drop, "events")
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 3
    remove(database_url, reset, "events")
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0


@pytest.mark.parametrize("action", [reset, drop])
@pytest.mark.parametrize("slice_name", [None, A])
def test_a_run_that_may_live_keeps_everything(
    database_url: str, action: Callable[..., None], slice_name: str | None
) -> None:
    fill(database_url, slice_name=B)
    run = fill(database_url, slice_name=A, ends=False)
    before = counts(database_url, of=A), counts(database_url, of=B)
    with pytest.raises(LeaseHeld, match=rf"orders .*process 4711 on elsewhere.*\(run {run.run_id}\)"):
        remove(database_url, action, slice_name=slice_name)
    assert (counts(database_url, of=A), counts(database_url, of=B)) == before
    remove(database_url, action, slice_name=B)


@pytest.mark.parametrize("action", [reset, drop])
def test_a_run_that_was_taken_for_dead_is_fenced_off_when_it_wakes_up(
    database_url: str, action: Callable[..., None]
) -> None:
    run = open_test_run(database_url, "orders")
    writer = RunWriter(database_url, run)
    writer.write(page(1, ["a"]))
    remove(database_url, action, alive=False)
    with closing(writer.connection):
        if action is drop:
            # A stream of that name begins anew, with a table of that name.
            open_test_run(database_url, "orders")
        with pytest.raises(FencedOff):
            writer.write(page(2, ["b"]))
        writer.connection.rollback()
        finish_run(writer.connection, run, "fenced", "fenced", None, 0, 0)
    assert rows(database_url, "SELECT event_id FROM datasync__orders") == []
    ended = rows(database_url, "SELECT status, reason FROM ingestion_runs WHERE run_id = %s", (run.run_id,))
    assert ended == ([("fenced", "fenced")] if action is reset else [])


@pytest.mark.parametrize("action", [reset, drop])
def test_what_a_dead_run_has_left_on_the_server_is_ended_and_keeps_no_lock(
    database_url: str, action: Callable[..., None]
) -> None:
    run = open_test_run(database_url, "orders")
    with closing(connect(database_url, label="datasync 4711 1")) as zombie, zombie.cursor() as cursor:
        limit_transaction(zombie, _TTL_MS, slice_id=run.slice.slice_id)
        cursor.execute("INSERT INTO datasync__orders (event_id, payload) VALUES ('a', '{}')")
        remove(database_url, action, alive=False)
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1")


@pytest.mark.parametrize("action", [reset, drop])
def test_someone_who_holds_the_table_is_named_and_nothing_changes(
    database_url: str, action: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "LOCK_TIMEOUT_MS", 100)
    fill(database_url)
    before = counts(database_url, of="{}", table="ingestion_pages")
    with closing(psycopg2.connect(database_url, application_name="a report")) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM datasync__orders")
        with pytest.raises(StorageUnavailable, match=r"datasync__orders is locked .*\(a report, idle in transaction\)"):
            remove(database_url, action)
    assert counts(database_url, of="{}", table="ingestion_pages") == before
    assert value(database_url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'orders'") == 3
    remove(database_url, action)


def test_what_others_have_built_on_the_table_is_named_and_nothing_is_dropped(database_url: str) -> None:
    fill(database_url)
    execute_outside(database_url, "CREATE VIEW my_view AS SELECT event_id FROM datasync__orders")
    execute_outside(database_url, "CREATE TABLE notes (about TEXT REFERENCES datasync__orders)")
    with pytest.raises(StorageRefused, match=r"(?=.*view my_view)(?=.*notes_about_fkey)"):
        remove(database_url, drop)
    assert value(database_url, "SELECT count(*) FROM my_view") == 3
    assert value(database_url, "SELECT total_ingested FROM ingestion_state WHERE stream = 'orders'") == 3
    execute_outside(database_url, "DROP VIEW my_view; DROP TABLE notes")
    remove(database_url, drop)


def test_what_a_foreign_key_says_of_the_rows_that_refer_to_ours_holds_in_a_reset(database_url: str) -> None:
    fill(database_url)
    execute_outside(database_url, "CREATE TABLE kept (about TEXT REFERENCES datasync__orders)")
    execute_outside(database_url, "CREATE TABLE gone (about TEXT REFERENCES datasync__orders ON DELETE CASCADE)")
    execute_outside(database_url, "INSERT INTO kept VALUES ('a'); INSERT INTO gone VALUES ('a')")
    keys = target_of(database_url).foreign_keys
    assert keys == ("gone_about_fkey of gone (whose rows go with ours)", "kept_about_fkey of kept")
    with pytest.raises(StorageRefused, match=r"rows of kept refer to rows of datasync__orders .*kept_about_fkey"):
        remove(database_url, reset)
    assert value(database_url, "SELECT count(*) FROM datasync__orders") == 3
    execute_outside(database_url, "DELETE FROM kept")
    remove(database_url, reset)
    assert rows(database_url, "SELECT about FROM gone") == []
    assert rows(database_url, "SELECT event_id FROM datasync__orders") == []


def test_a_table_that_someone_has_dropped_already_is_made_anew_after_a_reset_and_does_not_keep_a_stream(
    database_url: str,
) -> None:
    fill(database_url)
    execute_outside(database_url, "DROP TABLE datasync__orders")
    remove(database_url, reset)
    fill(database_url)
    assert value(database_url, "SELECT count(*) FROM datasync__orders") == 3
    execute_outside(database_url, "DROP TABLE datasync__orders")
    remove(database_url, drop)
    assert rows(database_url, "SELECT FROM ingestion_streams WHERE name = 'orders'") == []


def test_a_new_slice_begins_after_the_reset_of_its_stream_and_never_in_its_middle(database_url: str) -> None:
    fill(database_url, slice_name=A, ends=False)
    target = target_of(database_url)
    beginning = threading.Thread(target=fill, args=(database_url, "orders", B))
    waited: list[bool] = []
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def dead(_: object) -> bool:
        """Asked before anything is locked, and when everything is."""
        waited.append(bool(value(database_url, waiting)))
        if len(waited) == 2:
            beginning.start()
            eventually(lambda: value(database_url, waiting) or not beginning.is_alive(), what="the new slice to wait")
            waited.append(beginning.is_alive())
        return False

    with connected(database_url) as connection:
        reset(connection, target, _TTL_MS, alive=dead)
    beginning.join(30)
    assert waited == [False, False, True]
    assert counts(database_url, of=B)["datasync__orders"] == 3


def test_who_has_begun_a_new_slice_of_a_stream_that_is_being_dropped_is_let_try_again(database_url: str) -> None:
    fill(database_url, slice_name=A)
    outcomes: list[object] = []
    with connected(database_url) as dropping, dropping.cursor() as cursor:
        held: Connection = dropping
        cursor.execute("DELETE FROM ingestion_pages; DELETE FROM rejected_events; DELETE FROM event_conflicts")
        cursor.execute("DELETE FROM ingestion_runs; DELETE FROM ingestion_state WHERE stream = 'orders'")
        cursor.execute("DELETE FROM ingestion_streams WHERE name = 'orders'; DROP TABLE datasync__orders")

        def begin() -> None:
            try:
                fill(database_url, slice_name=B)
            except StorageUnavailable as error:
                outcomes.append(str(error))

        beginning = threading.Thread(target=begin)
        beginning.start()
        eventually(
            lambda: value(database_url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
            what="the new slice to wait",
        )
        held.commit()
        beginning.join(30)
    assert outcomes == ["the stream orders has just been dropped by another process"]
    fill(database_url, slice_name=B)


@pytest.mark.parametrize("action", [reset, drop], ids=["reset", "drop"])
def test_backfills_go_with_what_they_have_stored(database_url: str, action: Callable[..., None]) -> None:
    fill(database_url)
    spec = stream_spec("orders", fingerprint={"id": "id"})
    writer = RunWriter(database_url, open_test_run(database_url, spec, is_backfill=True))
    with closing(writer.connection):
        writer.write(page(1, ["x"], rejected=[RejectedEvent(1, "no_id", b"{}")], ends_pass="last_page"))
        finish_run(writer.connection, writer.run, "complete", "backfilled", None, 0, 0)
    remove(database_url, action)
    marks = "SELECT backfilled_at, pass_known_before FROM ingestion_state WHERE stream = 'orders'"
    assert rows(database_url, marks) == ([(None, None)] if action is reset else [])
    resume = open_test_run(database_url, spec).resume
    assert (resume.pass_kind, resume.cursor, resume.begins_pass) == ("full", None, True)
