"""Dead letters that are tried again: what one piece makes true, and that nothing else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from datasync_spider.errors import FencedOff, LeaseHeld, StorageRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.deadletters import Chosen, read_dead_letters_after
from datasync_spider.storage.replays import Tried, replay_dead_letters, try_dead_letters
from datasync_spider.storage.runs import Hold, open_replay, open_run
from tests.support.database import execute_outside, rows, value
from tests.support.deadletters import leave_dead_letters, raw_event
from tests.support.pages import event, page
from tests.support.runs import ELSEWHERE, EVENTS, Rule, by_rule, open_test_run, run_writer
from tests.support.sources import stream_spec
from tests.support.truth import assert_totals_balance

OPEN = Chosen(EVENTS)
TOO_LARGE = raw_event("large", ',"n":1e400000')


def hold_of(url: str, rule: Rule = "first") -> Hold:
    with connected(url) as connection:
        spec = by_rule("events", rule)
        return open_replay(connection, EVENTS, 60_000, "test", spec=spec, me=ELSEWHERE, alive=lambda _: False)


def replay_once(url: str, rule: Rule = "first") -> Tried:
    """One piece, by a run of its own."""
    hold = hold_of(url, rule)
    with connected(url) as connection:
        return replay_dead_letters(connection, hold, read_dead_letters_after(connection, OPEN, 0))


@contextmanager
def unchanged(url: str) -> Iterator[None]:
    before = [rows(url, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]
    yield
    assert [rows(url, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES] == before


TABLES = ("ingested_events", "ingestion_state", "ingestion_runs", "ingestion_pages", "rejected_events")


def test_what_is_acceptable_now_is_stored_and_the_totals_move_with_it(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b'{"no":"id"}', raw_event("b")], stored=["c"])
    tried = replay_once(database_url)
    assert (tried.stored, tried.duplicates, tried.refused) == ({"a", "b"}, 0, Counter(no_id=1))
    assert rows(database_url, "SELECT payload->>'type' FROM ingested_events WHERE event_id = 'a'") == [("click",)]
    assert rows(database_url, "SELECT total_ingested, total_rejected FROM ingestion_state") == [(3, 1)]
    still_open = "SELECT convert_from(raw, 'UTF8'), reason FROM rejected_events WHERE replayed_at IS NULL"
    assert rows(database_url, still_open) == [('{"no":"id"}', "id_too_long")]
    assert_totals_balance(database_url)


def test_a_replay_is_a_run_of_its_own_kind_without_pages(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), b"{}"])
    replay_once(database_url)
    columns = "status, pass_number, pages, events, inserted, duplicates, rejected"
    assert rows(database_url, f"SELECT {columns} FROM ingestion_runs WHERE pass_kind = 'replay'") == [
        ("running", 1, 0, 2, 1, 0, 1)
    ]


def test_the_position_and_the_pass_stay_as_they_are(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, ["x"]), page(2, ["y"]))
    position = "SELECT cursor, walk, pass_number, pass_kind, pass_status, pass_started_at FROM ingestion_state"
    before = rows(database_url, position)
    replay_once(database_url)
    assert rows(database_url, position) == before
    resume = open_test_run(database_url).resume
    assert (resume.cursor, resume.trail, resume.begins_pass) == ("cursor-2", ("cursor-1",), False)


def test_an_event_whose_id_is_stored_already_is_resolved_as_a_duplicate(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")], stored=["a"])
    tried = replay_once(database_url)
    assert (tried.stored, tried.duplicates) == (set(), 1)
    assert rows(database_url, "SELECT total_ingested, total_rejected FROM ingestion_state") == [(1, 0)]
    assert_totals_balance(database_url)


def test_equal_dead_letters_become_one_event_and_one_duplicate(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), raw_event("a")])
    tried = replay_once(database_url)
    assert (tried.stored, tried.duplicates) == ({"a"}, 1)
    assert_totals_balance(database_url)


def test_a_dead_letter_that_says_something_else_than_the_stored_event_is_kept_aside(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a", ',"v":2')], stored=["a"])
    assert replay_once(database_url).conflicts == 1
    assert rows(database_url, "SELECT event_id, payload->>'v', was_stored FROM event_conflicts") == [("a", "2", False)]
    assert value(database_url, "SELECT conflicts FROM ingestion_runs WHERE pass_kind = 'replay'") == 1


def test_where_the_last_version_wins_a_later_dead_letter_replaces_the_event_and_moves_the_watermark(
    database_url: str,
) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("a", 1_600_000_000_000_000)]))
    leave_dead_letters(database_url, [raw_event("a", ',"v":2')])
    replay_once(database_url, "last")
    assert value(database_url, "SELECT payload->>'v' FROM ingested_events") == "2"
    kept = rows(database_url, "SELECT event_id, payload, run_id FROM ingested_events__history")
    assert kept == [("a", {"id": "a"}, 3)]
    assert value(database_url, "SELECT newest_occurred_at FROM ingestion_state") == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )


def test_what_postgresql_refuses_stays_rejected_and_costs_its_neighbours_nothing(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), TOO_LARGE, raw_event("b")])
    tried = replay_once(database_url)
    assert tried.stored == {"a", "b"}
    assert tried.refused == Counter(refused_by_postgresql_22003=1)
    assert_totals_balance(database_url)


def test_what_postgresql_refuses_is_a_duplicate_where_its_id_is_stored_with_other_content(database_url: str) -> None:
    leave_dead_letters(database_url, [TOO_LARGE], stored=["large"])
    tried = replay_once(database_url)
    assert (tried.duplicates, tried.refused) == (1, Counter())
    assert_totals_balance(database_url)


def test_a_dead_letter_behind_a_refused_one_of_the_same_id_gets_a_try_of_its_own(database_url: str) -> None:
    leave_dead_letters(database_url, [TOO_LARGE, TOO_LARGE, raw_event("large")])
    tried = replay_once(database_url)
    assert tried.refused == Counter(refused_by_postgresql_22003=2)
    assert [entry.raw for entry in tried.left] == [raw_event("large")]
    assert value(database_url, "SELECT events FROM ingestion_runs WHERE pass_kind = 'replay'") == 2
    with connected(database_url) as connection:
        assert replay_dead_letters(connection, hold_of(database_url), tried.left).stored == {"large"}
    assert_totals_balance(database_url)


def test_watermarks_widen_by_what_is_stored_and_by_nothing_else(database_url: str) -> None:
    newer, older = b'{"id":"new","timestamp":1800000000000}', b'{"id":"old","timestamp":1500000000000}'
    newest_of_all = b'{"id":"refused","timestamp":1900000000000,"n":1e400000}'
    leave_dead_letters(database_url, [newer, older, newest_of_all], stored=["c"])
    replay_once(database_url)
    assert rows(database_url, "SELECT newest_event_id, oldest_event_id FROM ingestion_state") == [("new", "old")]
    assert value(database_url, "SELECT newest_occurred_at FROM ingestion_state") == datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_a_stream_without_any_event_gets_its_watermarks_from_a_replay(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("only")])
    replay_once(database_url)
    assert rows(database_url, "SELECT newest_event_id, oldest_event_id FROM ingestion_state") == [("only", "only")]


def test_an_event_that_was_accounted_for_twice_no_longer_proves_the_pass(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")], stored=["a"], expected_total=2)
    # By an earlier version, which did not see it.
    execute_outside(database_url, "UPDATE ingestion_state SET pass_status = 'complete'")
    assert replay_once(database_url).falls_short
    assert value(database_url, "SELECT pass_status FROM ingestion_state") == "short"
    assert open_test_run(database_url).resume.pass_kind == "full"


def test_a_proven_pass_stays_proven_where_every_dead_letter_was_one_event(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")], stored=["b"], expected_total=2)
    assert not replay_once(database_url).falls_short
    assert value(database_url, "SELECT pass_status FROM ingestion_state") == "complete"


def test_a_replay_whose_fence_was_taken_changes_nothing(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a")])
    zombie = hold_of(database_url)
    open_test_run(database_url)
    with connected(database_url) as connection, unchanged(database_url), pytest.raises(FencedOff):
        replay_dead_letters(connection, zombie, read_dead_letters_after(connection, OPEN, 0))


def test_dead_letters_that_someone_else_resolved_meanwhile_undo_the_piece(database_url: str) -> None:
    leave_dead_letters(database_url, [raw_event("a"), raw_event("b")])
    hold = hold_of(database_url)
    with connected(database_url) as connection:
        dead_letters = read_dead_letters_after(connection, OPEN, 0)
        execute_outside(database_url, "UPDATE rejected_events SET replayed_at = now() WHERE position = 0")
        with unchanged(database_url), pytest.raises(StorageRefused, match="another process"):
            replay_dead_letters(connection, hold, dead_letters)


def test_a_replay_respects_a_crawl_and_a_crawl_a_replay(database_url: str) -> None:
    open_test_run(database_url)
    with connected(database_url) as connection, pytest.raises(LeaseHeld):
        open_replay(connection, EVENTS, 60_000, "test")
    hold_of(database_url)
    with connected(database_url) as connection, pytest.raises(LeaseHeld):
        open_run(connection, stream_spec("events"), 60_000, "test")


def test_a_rehearsal_says_the_same_and_changes_nothing(database_url: str) -> None:
    leave_dead_letters(
        database_url, [raw_event("a"), raw_event("a"), raw_event("c"), TOO_LARGE, raw_event("large"), b"{}"], ["c"]
    )
    with unchanged(database_url), connected(database_url) as connection:
        tried = try_dead_letters(connection, OPEN.slice, read_dead_letters_after(connection, OPEN, 0))
    again = replay_once(database_url)
    assert (tried.stored, tried.resolved, tried.refused) == (again.stored, again.resolved, again.refused)
    assert [entry.raw for entry in tried.left] == [raw_event("large")]
