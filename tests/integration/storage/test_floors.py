"""The floor of a stream: in each order it moves when that is proven and not before, and never by an odd time."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.event import RejectedEvent
from datasync_spider.sources.spec import Order
from datasync_spider.storage.batch import Counts
from datasync_spider.storage.connection import connected, instant_of, us_of
from datasync_spider.storage.floor import chain_from
from datasync_spider.storage.passdepth import read_pass_depth
from datasync_spider.storage.registry import StreamSpec
from datasync_spider.storage.resync import NOTE, begin_anew
from datasync_spider.storage.runs import ResumePoint
from datasync_spider.storage.since import Since
from datasync_spider.storage.streams import Resynced, read_names, resync
from datasync_spider.storage.validators import end_unmodified
from tests.support.database import execute_outside, rows
from tests.support.pages import event, page
from tests.support.runs import open_test_run, run_writer
from tests.support.sources import stream_spec

ORDERS: tuple[Order, ...] = ("newest-first", "oldest-first", "none")
SECOND = 1_000_000
T0 = 1_700_000_000 * SECOND
YEAR_1 = us_of(datetime(1, 1, 1, tzinfo=UTC))
YEAR_9999 = us_of(datetime(9999, 12, 31, tzinfo=UTC))


def timed(order: Order, since: Since | None = None) -> StreamSpec:
    return stream_spec("timed", order=order, is_incremental=False, since=since or Since())


def now_us() -> int:
    return round(time.time() * SECOND)


def of_times(number: int, *times_us: int | None, last: bool = False, total: int | None = None) -> EventPage:
    """A page of records of these times, whose ids say which they are."""
    events = [event(f"e{number}-{place}-{us}", us) for place, us in enumerate(times_us)]
    return page(number, events, ends_pass="last_page" if last else None, expected_total=total)


def state(url: str, columns: str = "floor_at") -> tuple[object, ...]:
    return rows(url, f"SELECT {columns} FROM ingestion_state WHERE stream = 'timed'")[0]


def floor_us(url: str) -> int | None:
    (found,) = state(url)
    assert found is None or isinstance(found, datetime)
    return us_of(found)


def complete(url: str, spec: StreamSpec, *times_us: int) -> None:
    with run_writer(url, spec) as run:
        assert run.write(of_times(1, *times_us, last=True)).run_status == "complete"


def next_resume(url: str, spec: StreamSpec) -> ResumePoint:
    return open_test_run(url, spec).resume


def test_where_the_oldest_come_first_it_moves_with_each_page_and_never_back(database_url: str) -> None:
    with run_writer(database_url, timed("oldest-first")) as run:
        for number, (times, floor) in enumerate([((1, 5), 5), ((5, 7), 7), ((6,), 7), ((), 7), ((9,), 9)], 1):
            run.write(of_times(number, *(T0 + second * SECOND for second in times)))
            assert floor_us(database_url) == T0 + floor * SECOND
        # Several pages in one batch.
        run.write(of_times(6, T0 + 11 * SECOND), of_times(7, T0 + 10 * SECOND))
        assert floor_us(database_url) == T0 + 11 * SECOND


@pytest.mark.parametrize("order", ["newest-first", "none"])
def test_in_other_orders_it_moves_when_the_chain_has_reached_the_end(database_url: str, order: Order) -> None:
    spec = timed(order)
    complete(database_url, spec, T0)
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, T0 + 9 * SECOND, T0 + 8 * SECOND))
        run.write(dataclasses.replace(of_times(2, T0 + 7 * SECOND, T0 + 6 * SECOND), since_us=T0))
        assert floor_us(database_url) == T0
    # Another run goes on with the token, from the same time, and ends it.
    with run_writer(database_url, spec) as run:
        resume = run.run.resume
        assert (resume.cursor, resume.pass_kind) == ("cursor-2", "incremental")
        assert (resume.pass_since_us, resume.chain_since_us, resume.floor_us) == (T0, T0, T0)
        assert run.write(of_times(1, T0 + 5 * SECOND, last=True)).run_status == "complete"
    assert floor_us(database_url) == T0 + 9 * SECOND
    assert next_resume(database_url, spec).pass_since_us == T0 + 9 * SECOND


def test_where_the_newest_come_first_the_top_is_that_of_the_first_chain(database_url: str) -> None:
    spec = timed("newest-first")
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, T0 + 9 * SECOND))
        # A chain from the head again, which sees what has come meanwhile, and may break off before the first one's top.
        again = dataclasses.replace(of_times(2, T0 + 20 * SECOND), chain=2)
        run.write(again, dataclasses.replace(of_times(3, T0, last=True), chain=3))
    assert floor_us(database_url) == T0 + 9 * SECOND


@pytest.mark.parametrize("order", ORDERS)
def test_odd_times_and_times_of_the_future_move_nothing(database_url: str, order: Order) -> None:
    odd = (YEAR_9999, now_us() + 3600 * SECOND, None, YEAR_1, -SECOND, 0)
    with run_writer(database_url, timed(order)) as run:
        run.write(of_times(1, *odd))
        assert floor_us(database_url) is None
        run.write(of_times(2, *odd, T0, last=True))
    assert floor_us(database_url) == T0
    with run_writer(database_url, timed(order)) as run:
        run.write(of_times(1, *odd, last=True))
    assert floor_us(database_url) == T0


@pytest.mark.parametrize("order", ORDERS)
def test_it_stays_behind_the_moment_of_asking_by_the_lag(database_url: str, order: Order) -> None:
    spec = timed(order, Since(lag_us=600 * SECOND))
    now = now_us()
    times = (now - 700 * SECOND, now - 500 * SECOND)
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, *times, last=True))
    assert floor_us(database_url) == times[0]
    # A page that was asked for long before it is committed says nothing of what came in between.
    with run_writer(database_url, spec) as run:
        asked_long_ago = dataclasses.replace(of_times(1, times[0] + SECOND, times[0] + 50 * SECOND, last=True))
        asked_long_ago.fetched_at -= 60
        asked_long_ago.fetch_ms = 10_000
        run.write(asked_long_ago)
    if order == "none":
        # What was there when the pass began, whenever its pages were asked for.
        assert floor_us(database_url) in (times[0] + SECOND, times[0] + 50 * SECOND)
    assert (floor_us(database_url) or 0) <= now - 600 * SECOND


def test_in_no_order_nothing_is_proven_of_what_came_since_the_pass_began(database_url: str) -> None:
    with run_writer(database_url, timed("none")) as run:
        time.sleep(0.01)
        run.write(of_times(1, T0, now_us() - 1_000, last=True))
    assert floor_us(database_url) == T0


@pytest.mark.parametrize("order", ORDERS)
def test_a_short_pass_gives_it_up_and_the_next_one_is_full(database_url: str, order: Order) -> None:
    spec = timed(order, Since(start_us=T0 - SECOND))
    complete(database_url, spec, T0)
    with run_writer(database_url, spec) as run:
        assert run.run.resume.pass_kind == "incremental"
        committed = run.write(of_times(1, T0 + SECOND, last=True, total=2))
        assert (committed.run_status, committed.expected_total) == ("incomplete", None)
        assert committed.detail is not None
        assert committed.detail.endswith("but the API counts 2 since then: 1 are missing")
    assert floor_us(database_url) is None
    resume = next_resume(database_url, spec)
    assert (resume.pass_kind, resume.pass_since_us, resume.floor_us) == ("full", T0 - SECOND, None)


@pytest.mark.parametrize("runs", [1, 2])
def test_what_came_twice_makes_up_for_nothing(database_url: str, runs: int) -> None:
    spec = timed("newest-first")
    complete(database_url, spec, T0)
    new = event("new", T0 + SECOND)
    first = dataclasses.replace(page(1, [new], expected_total=2 if runs == 1 else 3), since_us=T0)
    with run_writer(database_url, spec) as run:
        run.write(first)
        # What has been stored before does as little as what has come in the pass itself, be it in another run.
        last = page(2, [new], ends_pass="last_page")
        if runs == 1:
            assert run.write(last).run_status == "incomplete"
            return
    with run_writer(database_url, spec) as run:
        again = dataclasses.replace(last, number=1, since_us=T0)
        assert run.write(again).run_status == "incomplete"


def test_more_than_was_claimed_is_fine_and_dead_letters_count(database_url: str) -> None:
    spec = timed("oldest-first")
    complete(database_url, spec, T0)
    entry = RejectedEvent(2, "no_id", b'{"odd":1}')
    with run_writer(database_url, spec) as run:
        served = page(1, [event("n", T0 + 1)], rejected=[entry], ends_pass="last_page", expected_total=2)
        committed = run.write(served)
    assert committed.run_status == "complete"
    assert committed.detail is not None
    assert "2 received since" in committed.detail
    assert state(database_url, "pass_expected_total, pass_window_total") == (None, 2)
    # The same one on another page is no other one.
    with run_writer(database_url, spec) as run:
        run.write(page(1, [], rejected=[entry, entry], expected_total=3))
        assert run.write(page(2, [], rejected=[entry], ends_pass="last_page")).run_status == "incomplete"


def test_a_chain_that_begins_anew_asks_from_what_is_proven_where_the_oldest_come_first(database_url: str) -> None:
    spec = timed("oldest-first", Since(overlap_us=2 * SECOND))
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, T0, T0 + 9 * SECOND))
        depth = read_pass_depth(run.connection, run.run.slice)
        since_us = chain_from(run.run, depth.floor_us)
        assert since_us == T0 + 7 * SECOND
        assert next_resume(database_url, spec).chain_since_us is None
    with run_writer(database_url, spec) as run:
        later = dataclasses.replace(of_times(1, T0 + 10 * SECOND), chain=2, since_us=since_us)
        run.write(later)
    resume = next_resume(database_url, spec)
    # The pass is what it was; its chain goes on as it began, also in another run.
    assert (resume.pass_since_us, resume.chain_since_us, resume.pass_kind) == (None, since_us, "full")


@pytest.mark.parametrize("order", ["newest-first", "none"])
def test_in_other_orders_a_chain_begins_anew_where_its_pass_did(database_url: str, order: Order) -> None:
    spec = timed(order)
    complete(database_url, spec, T0)
    run = open_test_run(database_url, spec)
    assert chain_from(run, T0 + 99 * SECOND) == T0


def test_a_backfill_moves_nothing(database_url: str) -> None:
    spec = timed("oldest-first")
    complete(database_url, spec, T0)
    with run_writer(database_url, spec, is_backfill=True) as run:
        assert run.run.resume.pass_since_us is None
        run.write(of_times(1, T0 + 99 * SECOND, last=True))
    assert floor_us(database_url) == T0
    assert next_resume(database_url, spec).pass_kind == "incremental"


def test_beginning_anew_gives_up_position_and_floor_under_the_fence_and_once(database_url: str) -> None:
    spec = timed("newest-first", Since(start_us=5))
    complete(database_url, spec, T0)
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, T0 + SECOND))
        with connected(database_url) as connection:
            anew = begin_anew(connection, run.run)
            # After a COMMIT of unknown outcome.
            assert begin_anew(connection, run.run).resume.pass_number == anew.resume.pass_number
        resume = anew.resume
        assert (resume.pass_number, resume.pass_kind, resume.cursor) == (3, "full", None)
        assert (resume.pass_since_us, resume.floor_us, anew.note) == (5, None, NOTE)
        assert state(database_url, "cursor, floor_at, validator, pass_status") == (None, None, None, "open")
        run.writer.go_on(anew)
        committed = run.write(dataclasses.replace(of_times(2, T0, last=True), cursor=None, chain=2))
        assert committed.run_status == "complete"
    found = rows(database_url, "SELECT pass_number, pass_kind, detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")
    assert found[0][:2] == (3, "full")
    assert found[0][2].endswith(NOTE)
    assert rows(database_url, "SELECT pass_number FROM ingestion_pages ORDER BY fetched_at") == [(1,), (2,), (3,)]


def test_a_validator_is_the_slices_when_its_pass_is_complete_and_gone_when_it_is_short(database_url: str) -> None:
    spec = timed("newest-first")

    def tagged(tag: str, number: int = 1, **how: bool | int | None) -> EventPage:
        made = of_times(number, T0 + number, **how)  # type: ignore[arg-type]
        return dataclasses.replace(made, validator={"etag": tag, "request": "r"})

    with run_writer(database_url, spec) as run:
        run.write(tagged("a"))
        assert state(database_url, "validator, pass_validator->>'etag'") == (None, "a")
        run.write(of_times(2, T0, last=True))
    assert state(database_url, "validator->>'etag'") == ("a",)
    with run_writer(database_url, spec) as run:
        assert run.run.resume.validator == {"etag": "a", "request": "r"}
        run.write(tagged("b"))
        assert state(database_url, "validator->>'etag'") == ("a",)
        with connected(database_url) as connection:
            for _ in range(2):
                end_unmodified(connection, run.run)
    assert state(database_url, "validator->>'etag', pass_status") == ("a", "complete")
    with run_writer(database_url, spec) as run:
        assert run.write(tagged("c", last=True, total=9)).run_status == "incomplete"
    assert state(database_url, "validator") == (None,)


def test_a_floor_is_not_seen_before_its_page_is_committed(database_url: str) -> None:
    class Crash(Exception):
        pass

    def crash() -> Counts:
        raise Crash

    with run_writer(database_url, timed("oldest-first")) as run:
        batch = run.batch(of_times(1, T0))
        with pytest.raises(Crash):
            run.writer.write(run.connection, batch, lambda: None, crash)
    assert floor_us(database_url) is None


def want_full(url: str, *, is_full: bool = True) -> Resynced:
    with connected(url) as connection:
        (found,) = [one for one in read_names(connection) if one.stream == "timed"]
        return resync(connection, found.stream_id, found.stream, None, is_full=is_full)


@pytest.mark.parametrize("order", ORDERS)
def test_a_full_pass_that_was_asked_for_asks_for_everything_and_ends_with_no_earlier_floor(
    database_url: str, order: Order
) -> None:
    spec = timed(order, Since(start_us=T0 - SECOND))
    complete(database_url, spec, T0 + 9 * SECOND)
    execute_outside(database_url, "UPDATE ingestion_state SET validator = '{}' WHERE stream = 'timed'")
    assert want_full(database_url, is_full=False) == Resynced(1, 1, 0)
    assert want_full(database_url) == Resynced(1, 1, 1)
    # It is begun, and goes on in another run.
    for begins_pass in (True, False):
        resume = next_resume(database_url, spec)
        assert (resume.begins_pass, resume.pass_kind, resume.pass_since_us) == (begins_pass, "full", T0 - SECOND)
        assert (resume.validator, resume.floor_us) == (None, None)
        assert state(database_url, "kept_floor_at") == (instant_of(T0 + 9 * SECOND),)
        # It is one already.
        assert want_full(database_url).full == 0
    # What had the newest time is gone from the API.
    with run_writer(database_url, spec) as run:
        assert run.write(of_times(1, T0, last=True)).run_status == "complete"
    assert state(database_url, "floor_at, kept_floor_at, full_wanted_at") == (instant_of(T0 + 9 * SECOND), None, None)
    assert next_resume(database_url, spec).pass_kind == "incremental"


def test_an_incremental_pass_that_is_open_goes_on_to_its_runs_end_and_the_next_run_begins_the_full_one(
    database_url: str,
) -> None:
    spec = timed("newest-first")
    complete(database_url, spec, T0)
    with run_writer(database_url, spec) as run:
        want_full(database_url)
        run.write(of_times(1, T0 + 9 * SECOND))
    assert next_resume(database_url, spec).pass_kind == "full"
    with run_writer(database_url, spec) as run:
        run.write(of_times(1, T0 + 9 * SECOND, T0, last=True))
    assert floor_us(database_url) == T0 + 9 * SECOND


def test_what_the_api_asks_to_be_read_anew_keeps_no_floor_though_it_was_asked_for_here_too(database_url: str) -> None:
    spec = timed("newest-first")
    complete(database_url, spec, T0)
    want_full(database_url)
    with run_writer(database_url, spec) as run, connected(database_url) as connection:
        begin_anew(connection, run.run)
    assert state(database_url, "floor_at, kept_floor_at") == (None, None)
