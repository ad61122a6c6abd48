"""A dead letter about an event that is accounted for without it proves nothing: the verdict at the end of a pass."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg2
import pytest

from datasync_spider.errors import FencedOff
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.connection import connected
from datasync_spider.storage.runs import finish_run
from tests.support.database import rows, value
from tests.support.deadletters import raw_event
from tests.support.pages import event, page
from tests.support.runs import RunWriter, open_test_run, renew_lease, run_writer
from tests.support.verifying import checks_of, replay_all
from tests.support.waiting import eventually


def good(event_id: str = "x", version: int = 1) -> Event:
    return event(event_id, 10, b'{"id":"%s","v":%d}' % (event_id.encode(), version))


def bad(event_id: str = "x", version: int = 2) -> Event:
    """PostgreSQL has no number of this size."""
    return event(event_id, 10, b'{"id":"%s","v":%d,"n":1e400000}' % (event_id.encode(), version))


def dead_letters(*raws: bytes) -> list[RejectedEvent]:
    return [RejectedEvent(position, "told_by_a_test", raw) for position, raw in enumerate(raws)]


def end_of_pass(
    run: RunWriter,
    events: Sequence[Event],
    rejected: Sequence[RejectedEvent] = (),
    total: int | None = 1,
    number: int = 1,
) -> Committed:
    ending = page(number, list(events), rejected=list(rejected), ends_pass="last_page", expected_total=total)
    return run.write(ending)


def end(run: RunWriter) -> None:
    with connected(run.connection.dsn) as connection:
        finish_run(connection, run.run, "stopped", "SIGTERM", None, 0, 0)


NO_ID = b'{"type":"click"}'
# Events, dead letters that the parser made, how many different events that is, how many dead letters are counted twice.
FEEDS: dict[str, tuple[list[Event], list[RejectedEvent], int, int]] = {
    "a refused version behind a stored one": ([good(), bad()], [], 1, 1),
    "a refused version before a stored one": ([bad(), good()], [], 1, 1),
    "two refused versions": ([bad(version=1), bad(version=2)], [], 1, 1),
    "three refused ones and a stored one": ([bad(version=1), bad(), good(), bad(version=3)], [], 1, 3),
    "refused ones of several events": ([bad("a", 1), bad("a", 2), bad("b"), good("b"), bad("c")], [], 3, 2),
    "refused ones of which no other is known": ([bad("a"), bad("b"), good("c")], [], 3, 0),
    "no text for a database, beside a stored one": ([good()], dead_letters(b'{"id":"x","n":"\\u0000"}'), 1, 1),
    "half a character, beside a stored one": ([good()], dead_letters(b'{"id":"x","n":"\\ud800"}'), 1, 1),
    "no UTF-8, beside a stored one": ([good()], dead_letters(b'{"id":"x","n":"\xff"}'), 1, 1),
    "equal bytes with an id": ([], dead_letters(raw_event("a"), raw_event("a")), 1, 1),
    "equal bytes without an id": ([], dead_letters(NO_ID, NO_ID), 2, 0),
    "no ids": ([good()], dead_letters(NO_ID, b"{}", b"null", b"{", b"7"), 6, 0),
    "ids that are no keys": (
        [good()],
        dead_letters(b'{"id":"\\ud800"}', b'{"id":"\\ud800","v":2}', b'{"id":""}'),
        4,
        0,
    ),
    "ids that are no text": ([], dead_letters(b'{"id":"a\xff"}', b'{"id":"a\xfe"}'), 2, 0),
    "an id that is a number": ([good("7")], dead_letters(b'{"id":7,"n":"\\u0000"}'), 1, 1),
}
whatever_comes = pytest.mark.parametrize(
    ("events", "rejected", "different", "counted_twice"), FEEDS.values(), ids=FEEDS.keys()
)


@whatever_comes
def test_a_pass_is_complete_on_as_many_different_events_as_the_api_counts_and_on_no_more(
    database_url: str, events: list[Event], rejected: list[RejectedEvent], different: int, counted_twice: int
) -> None:
    with run_writer(database_url) as run:
        committed = end_of_pass(run, events, rejected, different)
    assert (committed.run_status, value(database_url, "SELECT pass_status FROM ingestion_state")) == ("complete",) * 2
    said = f"({counted_twice} of them for events that are counted already)"
    assert (said in (committed.detail or "")) == (counted_twice > 0)
    assert checks_of(database_url)["last_complete_run"].holds


@whatever_comes
def test_one_event_that_is_missing_is_not_hidden(
    database_url: str, events: list[Event], rejected: list[RejectedEvent], different: int, counted_twice: int
) -> None:
    with run_writer(database_url) as run:
        committed = end_of_pass(run, events, rejected, different + 1)
    assert (committed.run_status, value(database_url, "SELECT pass_status FROM ingestion_state")) == (
        "incomplete",
        "short",
    )
    assert committed.detail is not None
    assert committed.detail.endswith(f"but the API counts {different + 1}: 1 are missing")
    check = checks_of(database_url)["last_complete_run"]
    assert (check.holds, check.numbers["counted_twice"]) == (False, counted_twice)
    assert rows(database_url, "SELECT status, reason FROM ingestion_runs") == [("incomplete", "short_read")]


@pytest.mark.parametrize(("total", "status"), [(2, "complete"), (3, "incomplete")])
def test_versions_that_came_in_other_batches_and_other_runs_are_seen(
    database_url: str, total: int, status: str
) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [good()]))
        run.write(page(2, [bad("y", 1)]))
        end(run)
    with run_writer(database_url) as run:
        run.write(page(1, [bad()]))
        committed = end_of_pass(run, [bad("y", 2)], total=total, number=2)
    assert (committed.run_status, value(database_url, "SELECT total_rejected FROM ingestion_state")) == (status, 3)
    assert "(2 of them for" in (committed.detail or "")


def test_more_dead_letters_than_are_read_at_once_are_all_seen(database_url: str) -> None:
    """2,500 events, of half of which another version is stored, and of a tenth of the others a second one rejected."""
    first = [bad(f"e{number}") for number in range(2_500)]
    stored = [good(f"e{number}") for number in range(0, 2_500, 2)]
    second = [bad(f"e{number}", 3) for number in range(1, 2_500, 20)]
    with run_writer(database_url) as run:
        run.write(page(1, first))
        run.write(page(2, stored))
        committed = end_of_pass(run, second, total=2_500, number=3)
    assert committed.detail == (
        "1,250 stored, 2,625 rejected (1,375 of them for events that are counted already), 0 filtered;"
        " the API counts 2,500"
    )


def test_dead_letters_that_a_replay_has_resolved_are_out_of_the_sum_and_the_verdict_stays(database_url: str) -> None:
    with run_writer(database_url) as run:
        assert end_of_pass(run, [good(), bad(), good("y")], total=2).run_status == "complete"
        end(run)
    replay_all(database_url)
    assert value(database_url, "SELECT pass_status FROM ingestion_state") == "complete"
    with run_writer(database_url) as run:
        committed = end_of_pass(run, [good(), bad()], total=2)
    assert committed.detail == "2 stored, 0 rejected, 0 filtered; the API counts 2"


def test_the_run_after_a_shortfall_reads_the_whole_feed_and_is_complete_when_the_event_has_come(
    database_url: str,
) -> None:
    for feed, status in (
        ([good(), bad()], "incomplete"),
        ([good(), bad()], "incomplete"),
        ([good(), bad(), good("y")], "complete"),
    ):
        with run_writer(database_url) as run:
            assert run.run.resume.pass_kind == "full"
            assert end_of_pass(run, feed, total=2).run_status == status
            end(run)
    assert open_test_run(database_url).resume.pass_kind == "incremental"


def test_an_event_that_another_stream_has_stored_is_another_event(database_url: str) -> None:
    with run_writer(database_url, "other") as run:
        run.write(page(1, [good()]))
    with run_writer(database_url) as run:
        committed = end_of_pass(run, [bad(), good("y")], total=2)
    assert (committed.run_status, committed.detail) == (
        "complete",
        "1 stored, 1 rejected, 0 filtered; the API counts 2",
    )


def test_the_dead_letters_of_another_stream_are_its_own(database_url: str) -> None:
    with run_writer(database_url, "other") as run:
        run.write(page(1, [bad(version=1)]))
    with run_writer(database_url) as run:
        committed = end_of_pass(run, [bad(version=2)], total=1)
    assert (committed.run_status, committed.detail) == (
        "complete",
        "0 stored, 1 rejected, 0 filtered; the API counts 1",
    )


@pytest.mark.parametrize(
    ("feed", "total"), [([good()], 1), ([good(), bad()], None)], ids=["no dead letter", "no total"]
)
def test_where_nothing_depends_on_dead_letters_none_is_looked_for(
    database_url: str, feed: list[Event], total: int | None
) -> None:
    with run_writer(database_url) as run, psycopg2.connect(database_url) as holder:
        run.write(page(1, feed))
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE rejected_events IN ACCESS EXCLUSIVE MODE")
        assert end_of_pass(run, [], total=total, number=2).run_status == "complete"
        holder.rollback()


def look_is_waiting(database_url: str) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rejected_events'::regclass"
    return bool(value(database_url, waiting))


class HeldUp:
    """A pass that ends while its look at the dead letters takes as long as a test likes."""

    def __init__(self, database_url: str, run: RunWriter, pool: ThreadPoolExecutor) -> None:
        run.write(page(1, [good(), bad()]))
        self._holder = psycopg2.connect(database_url)
        with self._holder.cursor() as cursor:
            cursor.execute("LOCK TABLE rejected_events IN ACCESS EXCLUSIVE MODE")
        self.writing: Future[Committed] = pool.submit(end_of_pass, run, [], total=2, number=2)
        eventually(lambda: look_is_waiting(database_url), what="the look at the dead letters")

    def go_on(self) -> Committed:
        self._holder.close()
        return self.writing.result(30)


def test_a_long_look_keeps_no_heartbeat_waiting(database_url: str) -> None:
    with ThreadPoolExecutor(1) as pool, run_writer(database_url) as run:
        held_up = HeldUp(database_url, run, pool)
        with connected(database_url) as connection:
            renew_lease(connection, run.run, 0, 0)
        assert look_is_waiting(database_url)
        assert held_up.go_on().run_status == "incomplete"


def test_a_run_that_is_fenced_off_during_the_look_gives_no_verdict(database_url: str) -> None:
    with ThreadPoolExecutor(1) as pool, run_writer(database_url) as run:
        held_up = HeldUp(database_url, run, pool)
        open_test_run(database_url)
        with pytest.raises(FencedOff):
            held_up.go_on()
    assert value(database_url, "SELECT pass_status FROM ingestion_state") == "open"
    assert rows(database_url, "SELECT status FROM ingestion_runs ORDER BY run_id") == [("failed",), ("running",)]
