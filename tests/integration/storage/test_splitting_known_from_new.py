"""Batches with known keys: whichever way they are written, what is stored and what is counted is the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from datasync_spider.records.event import Event
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.connection import Connection, Cursor, connect
from datasync_spider.storage.copying import CopyMode
from tests.support.database import execute_outside, rows, value
from tests.support.pages import event, page
from tests.support.runs import EVENTS, Rule, RunWriter, no_totals, run_writer
from tests.support.stored import store_stream
from tests.support.waiting import eventually


def _straight_first() -> CopyMode:
    return CopyMode()


def _probing() -> CopyMode:
    return CopyMode(expects_known=True)


def _staging() -> CopyMode:
    mode = CopyMode(expects_known=True)
    mode.split(rows=1, known=1)
    return mode


every_way = pytest.mark.parametrize("mode", [_straight_first, _probing, _staging])
Way = Callable[[], CopyMode]


@contextmanager
def _writer(url: str, known: list[str], way: Way, rule: Rule = "first") -> Iterator[RunWriter]:
    """A run whose first page has been written; the next batch goes the way that is asked for."""
    with run_writer(url, rule=rule, mode=way()) as run:
        # Not through the writer, so that its mode is as it was made.
        with connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ingested_events (event_id, occurred_at, payload)"
                """ SELECT id, 'epoch', jsonb_build_object('id', id) FROM unnest(%s) AS id""",
                (known,),
            )
        yield run


def _ledger(url: str) -> list[tuple[int, ...]]:
    return rows(url, "SELECT inserted, duplicates, rejected FROM ingestion_pages ORDER BY page_number")


def _ids(url: str) -> set[str]:
    return {event_id for (event_id,) in rows(url, "SELECT event_id FROM ingested_events")}


@every_way
def test_unknown_events_are_stored_beside_known_ones_and_each_page_has_its_counts(database_url: str, mode: Way) -> None:
    known = [f"{n:04}" for n in (*range(0, 1000, 7), *range(1000, 2000, 3), 2500)]
    pages = [[f"{n:04}" for n in range(start, start + 1000)] for start in (0, 1000, 2000)]
    with _writer(database_url, known, mode) as run:
        committed = run.write(*(page(number, ids) for number, ids in enumerate(pages, 1)))
    assert (committed.counts.inserted, committed.counts.duplicates) == (3000 - len(known), len(known))
    per_page = [len(set(known).intersection(ids)) for ids in pages]
    assert _ledger(database_url) == [(1000 - count, count, 0) for count in per_page]
    assert _ids(database_url) == {f"{n:04}" for n in range(3000)}
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == 0


@every_way
def test_a_batch_of_known_events_stores_nothing(database_url: str, mode: Way) -> None:
    known = [f"{n:04}" for n in range(2000)]
    with _writer(database_url, known, mode) as run:
        committed = run.write(page(1, known[:1200]), page(2, known[1200:]))
    assert (committed.counts.inserted, committed.counts.duplicates, committed.counts.conflicts) == (0, 2000, 0)
    assert _ledger(database_url) == [(0, 1200, 0), (0, 800, 0)]
    assert value(database_url, "SELECT count(*) FROM ingested_events") == 2000


@every_way
def test_a_batch_without_a_known_event_is_stored_wholly(database_url: str, mode: Way) -> None:
    with _writer(database_url, ["z"], mode) as run:
        assert run.write(page(1, ["a", "b"]), page(2, ["c"])).counts.inserted == 3
    assert _ids(database_url) == {"a", "b", "c", "z"}


@every_way
def test_ids_of_any_characters_are_distinguished(database_url: str, mode: Way) -> None:
    odd = [" .", "a,b", 'q"', "\\", "{}", "\x1f.", "x\x1fy", "x", "ü", "🙂", "NULL", "%s", "'", "\n."]
    with _writer(database_url, odd[::2], mode) as run:
        committed = run.write(page(1, [event(id_, payload=b'{"new": 1}') for id_ in odd]))
    assert (committed.counts.inserted, committed.counts.duplicates) == (len(odd) // 2, len(odd) // 2)
    assert _ids(database_url) == set(odd)
    # Each of the known ones came with other content.
    assert value(database_url, "SELECT count(*) FROM event_conflicts") == len(odd) // 2


@every_way
@pytest.mark.parametrize("is_known", [True, False])
def test_a_row_that_postgresql_refuses_is_rejected_and_the_others_are_as_they_should_be(
    database_url: str, mode: Way, is_known: bool
) -> None:
    bad = event("bad", payload=b'{"v": "\\u0000"}')
    known = ["a", "b", "bad"] if is_known else ["a", "b"]
    with _writer(database_url, known, mode) as run:
        committed = run.write(page(1, [event("a", payload=b'{"v": 2}'), bad, event("c")]), page(2, ["b", "d"]))
    assert (
        committed.counts.inserted,
        committed.counts.duplicates,
        committed.counts.rejected,
        committed.counts.conflicts,
    ) == (2, 2, 1, 1)
    assert _ledger(database_url) == [(1, 1, 1), (1, 1, 0)]
    assert _ids(database_url) == {*known, "c", "d"}
    assert rows(database_url, "SELECT reason, raw FROM rejected_events")[0][0] == "refused_by_postgresql_22p05"
    assert rows(database_url, "SELECT event_id FROM event_conflicts") == [("a",)]


@every_way
@pytest.mark.parametrize(
    ("rule", "stored", "aside"),
    [("first", '{"id": "a"}', "event_conflicts"), ("last", '{"v": 3}', "ingested_events__history")],
)
def test_versions_that_differ_are_resolved_by_the_rule_beside_known_and_unknown_events(
    database_url: str, mode: Way, rule: Rule, stored: str, aside: str
) -> None:
    with _writer(database_url, ["a", "b", "c"], mode, rule) as run:
        committed = run.write(
            page(1, [event("a", 10, b'{"v":2}'), event("b"), event("new")]),
            page(2, [event("a", 20, b'{"v":3}'), event("c", payload=b' {"id" :"c"}')]),
        )
    assert (committed.counts.inserted, committed.counts.duplicates) == (1, 4)
    assert committed.counts.conflicts == (2 if rule == "first" else 0)
    assert value(database_url, "SELECT payload::text FROM ingested_events WHERE event_id = 'a'") == stored
    versions = {'{"id": "a"}', '{"v": 2}', '{"v": 3}'}
    kept = {payload for (payload,) in rows(database_url, f"SELECT payload::text FROM {aside}")}
    assert kept == versions - {stored}


@pytest.mark.parametrize("mode", [_probing, _staging])
@pytest.mark.parametrize("commits", [True, False])
def test_a_key_that_someone_else_stores_after_it_was_asked_for_is_a_duplicate_if_they_commit(
    database_url: str, mode: Way, commits: bool
) -> None:
    with _writer(database_url, ["a"], mode) as run, ThreadPoolExecutor() as threads:
        other = psycopg2.connect(database_url)
        with other.cursor() as cursor:
            cursor.execute("INSERT INTO ingested_events (event_id, payload) VALUES ('b', '{\"theirs\": 1}')")
        # Not committed, so no one can see it; the writer takes it for new and comes to wait for it in its COPY.
        writing = threads.submit(run.write, page(1, ["a", "b"]), page(2, ["c"]))
        in_copy = (
            "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
            " AND query LIKE 'COPY \"ingested_events\"%%'"
        )
        eventually(lambda: value(database_url, in_copy, (run.connection.info.backend_pid,)), what="the COPY to wait")
        other.commit() if commits else other.rollback()
        other.close()
        committed = writing.result(60)
    assert (committed.counts.inserted, committed.counts.duplicates, committed.counts.conflicts) == (
        (1, 2, 1) if commits else (2, 1, 0)
    )
    assert _ledger(database_url) == [(0, 2, 0) if commits else (1, 1, 0), (1, 0, 0)]
    assert _ids(database_url) == {"a", "b", "c"}


def test_a_key_that_is_deleted_after_it_was_found_is_stored_again(database_url: str) -> None:
    with _writer(database_url, ["a", "b"], _probing) as run:

        class Deletes(Cursor):
            """Someone deletes a row between the question for known keys and the comparison."""

            def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name for it
                super().execute(query, vars)
                if query == EVENTS.table.statement("find_known"):
                    execute_outside(database_url, "DELETE FROM ingested_events WHERE event_id = 'a'")

        run.connection.cursor_factory = Deletes
        committed = run.write(page(1, ["a", "b", "c"]))
    assert (committed.counts.inserted, committed.counts.duplicates) == (2, 1)
    assert _ids(database_url) == {"a", "b", "c"}


def test_no_batch_holds_a_key_that_an_earlier_one_may_still_want(database_url: str) -> None:
    """PostgreSQL refuses an event's first version, the second is in flight, and the third comes behind it."""
    refused, second, third = (event("x", payload=text) for text in (b'{"v":"\\u0000"}', b'{"v":2}', b'{"v":3}'))
    with run_writer(database_url) as run, ThreadPoolExecutor() as threads:
        first_batch = run.batch(page(1, [refused, event("a")]))
        second_batch = run.batch(page(2, [second, event("b")]))
        run.writer.write(run.connection, first_batch, lambda: None, no_totals)
        run.preparer.forget(first_batch)
        third_batch = run.batch(page(3, [third, event("c")]))
        is_written, may_commit = threading.Event(), threading.Event()

        def turn() -> None:
            is_written.set()
            assert may_commit.wait(60)

        def write_third(connection: Connection) -> Committed:
            return run.writer.write(connection, third_batch, turn, no_totals)

        other = connect(database_url)
        try:
            writing = threads.submit(write_third, other)
            assert is_written.wait(60)
            # Would wait for what the third holds, and the third for its turn, until a timeout ends it.
            committed = run.writer.write(run.connection, second_batch, lambda: None, no_totals)
            may_commit.set()
            last = writing.result(60)
        finally:
            may_commit.set()
            other.close()
    assert (committed.counts.inserted, committed.counts.conflicts) == (2, 0)
    assert (last.counts.inserted, last.counts.duplicates, last.counts.conflicts) == (1, 1, 1)
    assert value(database_url, "SELECT payload::text FROM ingested_events WHERE event_id = 'x'") == '{"v": 2}'
    assert rows(database_url, "SELECT payload::text FROM event_conflicts") == [('{"v": 3}',)]


def test_two_versions_whose_first_one_postgresql_refuses_are_stored_and_kept_aside(database_url: str) -> None:
    refused, second, third = (event("x", payload=text) for text in (b'{"v":"\\u0000"}', b'{"v":2}', b'{"v":3}'))
    with run_writer(database_url) as run:
        committed = run.write(page(1, [refused]), page(2, [second]), page(3, [third]))
    assert (committed.counts.inserted, committed.counts.rejected, committed.counts.conflicts) == (1, 1, 1)
    stored = value(database_url, "SELECT payload::text FROM ingested_events")
    kept = value(database_url, "SELECT payload::text FROM event_conflicts")
    assert {stored, kept} == {'{"v": 2}', '{"v": 3}'}


def _count_questions(run: RunWriter) -> list[Any]:
    """Grows by one with each time that the server is asked which keys exist."""
    questions: list[Any] = []

    class Counting(Cursor):
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name for it
            if query == EVENTS.table.statement("find_known"):
                questions.append(query)
            super().execute(query, vars)

    run.connection.cursor_factory = Counting
    return questions


def _batch_of(start: int) -> list[Event]:
    return [event(f"{n:04}", payload=b"{}") for n in range(start, start + 400)]


def test_keys_are_guessed_once_as_many_were_asked_for_as_the_table_held(database_url: str) -> None:
    store_stream(database_url, [f"{n:04}" for n in range(0, 1200, 3)])
    with run_writer(database_url, mode=_probing()) as run:
        questions = _count_questions(run)
        written = [run.write(page(number, _batch_of(400 * (number - 1)))) for number in (1, 2, 3)]
    assert len(questions) == 1
    assert [committed.counts.duplicates for committed in written] == [134, 133, 133]
    assert [committed.counts.inserted for committed in written] == [266, 267, 267]
    assert _ids(database_url) == {f"{n:04}" for n in range(1200)}


def test_a_wrong_guess_costs_no_event_and_is_the_last_one(database_url: str) -> None:
    store_stream(database_url, [f"{n:04}" for n in range(0, 1200, 3)])
    with run_writer(database_url, mode=_probing()) as run:
        questions = _count_questions(run)
        run.write(page(1, _batch_of(0)))
        run.write(page(2, _batch_of(400)))
        # Four, since one of them may by chance seem to be stored already.
        others = "('0803', '{}'), ('0805', '{}'), ('0806', '{}'), ('0808', '{}')"
        execute_outside(database_url, f"INSERT INTO ingested_events (event_id, payload) VALUES {others}")
        third = run.write(page(3, _batch_of(800)))
        assert len(questions) == 1
        run.write(page(4, [*_batch_of(1000), *_batch_of(1400)]))
    assert (third.counts.inserted, third.counts.duplicates) == (263, 137)
    assert len(questions) == 2
    assert _ids(database_url) == {f"{n:04}" for n in range(1800)}
    assert value(database_url, "SELECT total_ingested FROM ingestion_state") == 1800 - 4
