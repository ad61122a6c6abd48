"""The transaction: what a commit makes true, and that nothing else does."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg2
import psycopg2.extensions
import pytest

from datasync_spider.errors import FencedOff, StorageRefused, StorageUnavailable
from datasync_spider.items import EventPage
from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.batch import Batch, Committed
from datasync_spider.storage.connection import Connection, Cursor, connected
from tests.support.database import rows, value
from tests.support.pages import event, page
from tests.support.runs import RunWriter, no_totals, open_test_run, run_writer
from tests.support.waiting import eventually


def test_a_committed_batch_is_in_every_table_at_once(database_url: str) -> None:
    dead = RejectedEvent(position=2, reason="no_id", raw=b'{"no":"id"}')
    with run_writer(database_url) as run:
        committed = run.write(page(1, ["a", "b"], rejected=[dead], expected_total=10), page(2, ["c"]))
    assert (committed.counts.inserted, committed.counts.duplicates, committed.counts.rejected) == (3, 0, 1)
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 3
    assert rows(database_url, "SELECT page_number, events, inserted, rejected FROM ingestion_pages ORDER BY 1") == [
        (1, 3, 2, 1),
        (2, 1, 1, 0),
    ]
    assert rows(database_url, "SELECT reason, position, raw FROM rejected_events")[0][:2] == ("no_id", 2)
    assert rows(
        database_url, "SELECT cursor, total_ingested, total_rejected, pass_expected_total FROM ingestion_state"
    ) == [("cursor-2", 3, 1, 10)]
    assert rows(database_url, "SELECT status, pages, events, inserted, rejected FROM ingestion_runs") == [
        ("running", 2, 4, 3, 1)
    ]


def test_a_payload_is_stored_with_every_digit_that_the_api_sent(database_url: str) -> None:
    payload = b'{ "id":"a", "big": 123456789012345678901234567890, "exact": 1.10, "text": "\\u00e9\\n\\t\\\\" }'
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", payload=payload)]))
    stored = rows(database_url, "SELECT payload->>'big', payload->>'exact', payload->>'text' FROM ingested_events")
    assert stored == [("123456789012345678901234567890", "1.10", "é\n\t\\")]


def test_a_time_is_stored_to_the_microsecond_and_no_time_as_null(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", 1_700_000_000_123_456), event("b", None), event("c", -1)]))
    stored = dict(rows(database_url, "SELECT event_id, occurred_at FROM ingested_events"))
    assert stored["a"] == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert stored["b"] is None
    assert stored["c"] == datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def test_a_known_id_is_counted_as_a_duplicate_on_the_page_that_brought_it_and_the_first_content_stays(
    database_url: str,
) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", payload=b'{"v":1}')]))
        committed = run.write(page(2, ["b", "c"]), page(3, [event("a", payload=b'{"v":2}'), event("d")]))
    assert (committed.counts.inserted, committed.counts.duplicates) == (3, 1)
    assert value(database_url, "SELECT payload->>'v' FROM ingested_events WHERE event_id = 'a'") == "1"
    assert rows(database_url, "SELECT inserted, duplicates FROM ingestion_pages ORDER BY page_number") == [
        (1, 0),
        (2, 0),
        (1, 1),
    ]


def test_a_page_that_comes_again_adds_nothing_to_the_rejected(database_url: str) -> None:
    twins = [RejectedEvent(0, "not_an_object", b"null"), RejectedEvent(1, "not_an_object", b"null")]
    with run_writer(database_url) as run:
        run.write(page(1, ["a"], rejected=list(twins)))
        run.write(page(2, ["a"], rejected=list(twins)))
    assert value(database_url, "SELECT count(*) FROM rejected_events") == 2
    assert value(database_url, "SELECT total_rejected FROM ingestion_state") == 2


def test_rows_that_postgresql_refuses_are_quarantined_and_their_page_goes_on(database_url: str) -> None:
    bad = [event("nul", payload=b'{"a":"\\u0000"}'), event("huge", payload=b'{"a":1e400000}')]
    good = [event(f"good-{index}") for index in range(500)]
    with run_writer(database_url) as run:
        committed = run.write(page(1, [*good[:100], bad[0], *good[100:300], bad[1], *good[300:]]), page(2, ["next"]))
    assert (committed.counts.inserted, committed.counts.rejected, committed.counts.duplicates) == (501, 2, 0)
    assert rows(database_url, "SELECT reason, convert_from(raw, 'UTF8') FROM rejected_events ORDER BY rejected_id") == [
        ("refused_by_postgresql_22p05", '{"a":"\\u0000"}'),
        ("refused_by_postgresql_22003", '{"a":1e400000}'),
    ]
    assert rows(database_url, "SELECT inserted, rejected FROM ingestion_pages ORDER BY page_number") == [
        (500, 2),
        (1, 0),
    ]


def test_quarantine_works_beside_known_ids_too(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a", "b"]))
        committed = run.write(page(2, [event("a"), event("nul", payload=b'"\\u0000"'), event("c")]))
    assert (committed.counts.inserted, committed.counts.rejected, committed.counts.duplicates) == (1, 1, 1)


def test_a_writer_whose_fence_was_taken_writes_nothing(database_url: str) -> None:
    with run_writer(database_url) as zombie:
        open_test_run(database_url)
        with pytest.raises(FencedOff):
            zombie.write(page(1, ["a"], rejected=[RejectedEvent(0, "no_id", b"{}")]))
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0
    assert value(database_url, "SELECT count(*) FROM rejected_events") == 0
    assert value(database_url, "SELECT count(*) FROM ingestion_pages") == 0


def test_a_crash_before_commit_leaves_nothing(database_url: str) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    with run_writer(database_url) as run, pytest.raises(Crash):
        run.writer.write(run.connection, run.batch(page(1, ["a"])), crash, no_totals)
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 0
    assert value(database_url, "SELECT cursor FROM ingestion_state") is None


def test_a_commit_of_unknown_outcome_is_read_back(database_url: str) -> None:
    with run_writer(database_url) as run:
        first = run.batch(page(1, ["a", "b"]))
        assert run.writer.was_committed(run.connection, first) is None
        run.writer.write(run.connection, first, lambda: None, no_totals)
        committed = run.writer.was_committed(run.connection, first)
        assert committed is not None
        assert committed.counts.inserted == 2
        assert committed.run_status is None
        last = run.batch(page(2, ["c"], ends_pass="last_page"))
        verdict = run.writer.write(run.connection, last, lambda: None, no_totals).run_status
        read_back = run.writer.was_committed(run.connection, last)
        assert read_back is not None
        assert read_back.run_status == verdict == "complete"
        open_test_run(database_url)
        with pytest.raises(FencedOff):
            run.writer.was_committed(run.connection, first)


def test_a_commit_that_is_still_going_on_is_waited_for(database_url: str) -> None:
    with run_writer(database_url) as run, ThreadPoolExecutor() as threads, connected(database_url) as other:
        batch = run.batch(page(1, ["a", "b"]))
        asked: list[Future[Committed | None]] = []

        def ask_before_the_commit() -> None:
            asked.append(threads.submit(run.writer.was_committed, other, batch))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
            eventually(lambda: value(database_url, waiting, (other.info.backend_pid,)), what="the question to wait")

        _commit_after(run, batch, ask_before_the_commit)
        answer = asked[0].result(60)
    assert answer is not None
    assert answer.counts.inserted == 2


def _commit_after(run: RunWriter, batch: Batch, before_commit: Callable[[], None]) -> None:
    """Writes the batch on a connection that does something between the checkpoint and its COMMIT."""

    class Late(Connection):
        def commit(self) -> None:
            before_commit()
            super().commit()

    connection = psycopg2.connect(run.connection.dsn, connection_factory=Late, cursor_factory=Cursor)
    try:
        run.writer.write(connection, batch, lambda: None, no_totals)
    finally:
        connection.close()


def test_a_batch_that_leaves_a_page_out_does_not_move_the_position(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"]))
        with pytest.raises(StorageRefused, match="last committed page is 1, and the batch begins with 3"):
            run.write(page(3, ["c"], rejected=[RejectedEvent(0, "no_id", b"{}")]))
    assert rows(database_url, "SELECT cursor, total_ingested, total_rejected FROM ingestion_state") == [
        ("cursor-1", 1, 0)
    ]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 1
    assert value(database_url, "SELECT count(*) FROM rejected_events") == 0


def test_the_streams_row_is_free_while_the_ledger_is_copied(database_url: str) -> None:
    # A server whose client is lost in a COPY waits for the rest, and holds what it has locked.
    with run_writer(database_url) as run, ThreadPoolExecutor() as threads, connected(database_url) as other:
        with other.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';"
                "CREATE TRIGGER slow BEFORE INSERT ON ingestion_pages"
                " FOR EACH ROW EXECUTE FUNCTION wait_for_the_test()"
            )
            other.commit()
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
            written = threads.submit(run.write, page(1, ["a"]))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'advisory'"
            pid = run.connection.get_backend_pid()
            eventually(lambda: value(database_url, waiting, (pid,)), what="the ledger's COPY to wait")
            locked = rows(database_url, "SELECT stream FROM ingestion_state FOR UPDATE NOWAIT")
            other.rollback()
        assert locked == [("events",)]
        assert written.result(60).counts.inserted == 1


def test_a_lost_connection_is_something_to_retry(database_url: str) -> None:
    with run_writer(database_url) as run:
        pid = run.connection.get_backend_pid()
        assert value(database_url, "SELECT pg_terminate_backend(%s, 5000)", (pid,))
        with pytest.raises(StorageUnavailable) as caught:
            run.write(page(1, ["a"]))
    assert isinstance(caught.value.__cause__, psycopg2.Error)


def test_the_last_page_brings_the_verdict_in_the_same_transaction(database_url: str) -> None:
    with run_writer(database_url) as run:
        committed = run.write(page(1, ["a"], expected_total=1, ends_pass="last_page"))
    assert committed.run_status == "complete"
    assert rows(database_url, "SELECT status, reason, ended_at IS NOT NULL FROM ingestion_runs") == [
        ("complete", "last_page", True)
    ]
    assert rows(database_url, "SELECT pass_status, completed_at IS NOT NULL FROM ingestion_state") == [
        ("complete", True)
    ]


def test_a_feed_that_ends_short_of_its_total_is_incomplete(database_url: str) -> None:
    with run_writer(database_url) as run:
        committed = run.write(page(1, ["a"], expected_total=3, ends_pass="last_page"))
    assert committed.run_status == "incomplete"
    assert value(database_url, "SELECT detail FROM ingestion_runs").endswith("2 are missing")
    assert rows(database_url, "SELECT pass_status, completed_at FROM ingestion_state") == [("short", None)]


def test_completion_keeps_the_position(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["a"]), page(2, ["b"], ends_pass="last_page"))
    assert value(database_url, "SELECT cursor FROM ingestion_state") == "cursor-1"


def test_watermarks_only_ever_widen(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("m", 50), event("k", 40)]))
        run.write(page(2, [event("z", 50), event("x", 45)]))
        run.write(page(3, [event("a", 40), event("n", None)]))
    columns = "newest_event_id, oldest_event_id, extract(epoch FROM newest_occurred_at) * 1000000"
    newest, oldest, newest_us = rows(database_url, f"SELECT {columns} FROM ingestion_state")[0]
    assert (newest, oldest, int(newest_us)) == ("z", "a", 50)


def _conflicts(database_url: str) -> list[tuple[object, ...]]:
    return rows(database_url, "SELECT event_id, payload->>'v', was_stored FROM event_conflicts ORDER BY conflict_id")


def test_another_version_of_an_event_is_kept_aside_and_the_first_one_stays(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", 10, b'{"v":1}'), event("b", 10, b'{"v":1}')]))
        committed = run.write(page(2, [event("a", 20, b'{"v":2}'), event("b", 20, b' {"v" : 1}')]))
        again = run.write(page(3, [event("a", 20, b'{"v":2}')]))
    assert (committed.counts.conflicts, again.counts.conflicts) == (1, 0)
    assert value(database_url, "SELECT payload->>'v' FROM ingested_events WHERE event_id = 'a'") == "1"
    assert _conflicts(database_url) == [("a", "2", False)]
    assert value(database_url, "SELECT conflicts FROM ingestion_runs") == 1


def test_two_versions_within_one_batch_are_noticed_too(database_url: str) -> None:
    with run_writer(database_url) as run:
        committed = run.write(page(1, [event("a", payload=b'{"v":1}')]), page(2, [event("a", payload=b'{"v":2}')]))
    assert (committed.counts.inserted, committed.counts.duplicates, committed.counts.conflicts) == (1, 1, 1)
    assert _conflicts(database_url) == [("a", "2", False)]


def test_a_version_whose_other_one_postgresql_refuses_is_stored(database_url: str) -> None:
    with run_writer(database_url) as run:
        refused = event("a", payload=b'{"v":"\\u0000"}')
        committed = run.write(page(1, [refused, event("b")]), page(2, [event("a", payload=b'{"v":2}'), event("c")]))
    assert (
        committed.counts.inserted,
        committed.counts.duplicates,
        committed.counts.rejected,
        committed.counts.conflicts,
    ) == (3, 0, 1, 0)
    assert value(database_url, "SELECT payload->>'v' FROM ingested_events WHERE event_id = 'a'") == "2"
    assert rows(database_url, "SELECT inserted, rejected FROM ingestion_pages ORDER BY page_number") == [(1, 1), (2, 0)]


def test_a_run_that_rejects_too_much_gets_no_verdict_though_its_last_page_is_stored(database_url: str) -> None:
    dead = [RejectedEvent(position, "no_id", b"%d" % position) for position in range(900)]
    with run_writer(database_url, rejected_max_percent=5) as run:
        committed = run.write(
            page(1, [f"e{n}" for n in range(200)], rejected=dead, expected_total=5, ends_pass="last_page")
        )
    assert committed.run_status is None
    assert rows(database_url, "SELECT status FROM ingestion_runs") == [("running",)]
    assert rows(database_url, "SELECT pass_status, total_rejected FROM ingestion_state") == [("open", 900)]


def test_what_is_filtered_counts_once_however_often_it_is_read(database_url: str) -> None:
    def filtered(number: int, chain: int) -> EventPage:
        item = page(number, ["a", "b", "c"], chain=chain)
        item.events = list(item.events)[:1]
        return item

    with run_writer(database_url) as run:
        run.write(filtered(1, 1))
        assert value(database_url, "SELECT total_filtered FROM ingestion_state") == 2
        run.write(filtered(2, 2))
        assert value(database_url, "SELECT total_filtered FROM ingestion_state") == 2
        run.write(page(3, ["z"], chain=2, expected_total=99, ends_pass="last_page"))
    with run_writer(database_url) as run:
        run.write(filtered(1, 1))
    assert value(database_url, "SELECT total_filtered FROM ingestion_state") == 2
