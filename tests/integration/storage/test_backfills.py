"""A backfill stores a window of the feed beside the passes: a pass goes on as if it had never been."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from msgspec import structs

from datasync_spider.items import EventPage
from datasync_spider.records.event import RejectedEvent
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.passdepth import read_pass_depth
from datasync_spider.storage.runs import finish_run
from tests.support.database import rows, value
from tests.support.headfeed import HeadFeed
from tests.support.pages import event, page
from tests.support.runs import EVENTS, by_rule, open_test_run, run_writer

OF_THE_PASS = (
    "SELECT cursor, walk, named_walk, known_walk, pass_number, pass_kind, pass_status, pass_started_at,"
    " pass_expected_total, pass_oldest_at, pass_in_order, pass_known_before, total_filtered, completed_at,"
    " counted_from_pass, first_run_id FROM ingestion_state"
)
DEAD_LETTER = RejectedEvent(1, "not_an_object", b"42")
COUNTED = "SELECT seen_pass, seen_walk, seen, seen_at_head, seen_before FROM rejected_events ORDER BY twin"


def begin_pass(url: str) -> None:
    with run_writer(url) as run:
        run.write(page(1, [event("z", 90_000)], expected_total=9, rejected=[DEAD_LETTER]))


def backfill(url: str) -> None:
    with run_writer(url, is_backfill=True) as run:
        first = page(1, [event("n", 99_000), event("m", 95_000)], rejected=[DEAD_LETTER, DEAD_LETTER], expected_total=2)
        run.write(dataclasses.replace(first, received_events=9))
        assert run.write(page(2, [event("b", 20_000)], ends_pass="last_page")).run_status == "complete"


def test_it_leaves_position_and_pass_as_they_are_and_keeps_the_totals_exact(database_url: str) -> None:
    begin_pass(database_url)
    before = rows(database_url, OF_THE_PASS), rows(database_url, COUNTED)
    backfill(database_url)
    assert rows(database_url, OF_THE_PASS) == before[0]
    assert rows(database_url, COUNTED) == [*before[1], (None,) * 5]
    totals = "SELECT total_ingested, total_rejected, newest_event_id, oldest_event_id FROM ingestion_state"
    assert rows(database_url, totals) == [(4, 2, "n", "b")]
    reported = rows(
        database_url,
        "SELECT pass_kind, pass_number, status, reason, pages, inserted, rejected, filtered, expected_total,"
        " start_cursor FROM ingestion_runs ORDER BY run_id DESC LIMIT 1",
    )
    assert reported == [("backfill", 0, "complete", "backfilled", 2, 3, 2, 5, None, None)]


def test_the_run_after_it_goes_on_in_the_open_pass(database_url: str) -> None:
    begin_pass(database_url)
    first = open_test_run(database_url).resume
    backfill(database_url)
    assert open_test_run(database_url).resume == structs.replace(first, newest_ms=99, total_ingested=4)


@pytest.mark.parametrize("ends", ["complete", "killed"])
def test_a_slice_that_never_ran_begins_with_a_full_pass_afterwards(database_url: str, ends: str) -> None:
    if ends == "complete":
        backfill(database_url)
    else:
        with run_writer(database_url, is_backfill=True) as run:
            run.write(page(1, ["a"]))
            assert run.run.resume.cursor is None
        with run_writer(database_url, is_backfill=True) as run:
            # The next one begins anew.
            assert (run.run.resume.cursor, run.run.resume.trail) == (None, ())
            run.write(page(1, ["a"]))
    assert rows(database_url, "SELECT pass_number, pass_status FROM ingestion_state") == [(0, "new")]
    resume = open_test_run(database_url).resume
    assert (resume.pass_number, resume.pass_kind, resume.begins_pass) == (1, "full", True)


def test_the_api_going_round_in_a_backfill_gives_up_no_position(database_url: str) -> None:
    begin_pass(database_url)
    with run_writer(database_url, is_backfill=True) as run:
        run.write(page(1, ["a"]))
        finish_run(run.connection, run.run, "failed", "no_new_records", None, 0, 0)
    resume = open_test_run(database_url).resume
    assert (resume.cursor, resume.distrusted) == ("cursor-1", False)


def test_the_depth_of_the_open_pass_is_none_of_a_backfill(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("z", 90_000)]))
        assert read_pass_depth(run.connection, EVENTS).oldest_ms == 90
    with run_writer(database_url, is_backfill=True) as run:
        assert read_pass_depth(run.connection, EVENTS).oldest_ms is None
    with run_writer(database_url) as run:
        assert read_pass_depth(run.connection, EVENTS).oldest_ms == 90


def test_records_that_are_newer_than_the_pass_make_up_for_none_that_it_misses(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(page(1, [event("z", 90_000)], expected_total=3))
    with run_writer(database_url, is_backfill=True) as run:
        run.write(page(1, [event("n", 99_000), event("a", 10_000)], ends_pass="last_page"))
    with run_writer(database_url) as run:
        committed = run.write(
            dataclasses.replace(page(1, [event("a", 10_000)], ends_pass="last_page"), cursor="cursor-1")
        )
    assert (committed.run_status, committed.counts.duplicates) == ("incomplete", 1)
    assert "1 of them by a backfill, newer than this total" in str(committed.detail)


@pytest.mark.parametrize("rule", ["first", "last"])
def test_what_it_stored_is_no_known_ground_until_a_pass_has_gone_past_it(database_url: str, rule: str) -> None:
    spec = by_rule("events", "last" if rule == "last" else "first")
    with run_writer(database_url, spec) as run:
        run.write(page(1, ["floor"], ends_pass="last_page"))
    with run_writer(database_url, spec, is_backfill=True) as run:
        run.write(page(1, ["window", "floor"], rejected=[DEAD_LETTER], ends_pass="last_page"))
    with run_writer(database_url, spec) as run:
        slice_, before = run.run.slice, run.run.resume.known_before
        assert run.run.resume.pass_kind == "incremental"
        assert not is_known_entirely(run.connection, slice_, page(1, ["window"]), before)
        assert not is_known_entirely(run.connection, slice_, page(1, ["floor"], rejected=[DEAD_LETTER]), before)
        assert is_known_entirely(run.connection, slice_, page(1, ["floor"]), before)
        run.write(page(1, ["new", "window", "floor"], ends_pass="reached_known"))
    with run_writer(database_url, spec) as run:
        assert is_known_entirely(run.connection, run.run.slice, page(1, ["window"]), run.run.resume.known_before)


def test_an_incremental_pass_goes_past_a_window_and_stops_where_it_would_have_without(database_url: str) -> None:
    feed = HeadFeed(database_url, "events", limit=5)
    feed.records = [feed.named() for _ in range(40)]
    feed.sync()
    feed.records[:0] = [feed.named() for _ in range(30)]
    feed.backfill(10, 20)
    feed.requests = 0
    assert feed.sync() == "complete"
    assert feed.stored() == feed.served_ids()
    # Six pages of new ones, and the one that is known.
    assert feed.requests == 7
    feed.requests = 0
    feed.sync()
    assert feed.requests == 1


def dead_letters(number: int, layout: str, **others: Any) -> EventPage:
    """A star is a record of always the same bytes, any other sign the id of an event."""
    dead = [RejectedEvent(place, "not_an_object", b"42") for place, sign in enumerate(layout) if sign == "*"]
    made = page(number, [sign for sign in layout if sign != "*"], rejected=dead, ends_pass=others.get("ends_pass"))
    return dataclasses.replace(made, **others)


def test_records_without_an_id_are_counted_anew_after_a_pass_that_a_backfill_came_into(database_url: str) -> None:
    with run_writer(database_url) as run:
        run.write(dead_letters(1, "a*"))
    with run_writer(database_url, is_backfill=True) as run:
        run.write(dead_letters(1, "z", ends_pass="last_page"))
    with run_writer(database_url) as run:
        run.write(dead_letters(1, "b*", cursor="cursor-1", ends_pass="last_page"))
    with run_writer(database_url) as run:
        assert run.run.resume.pass_kind == "full"
        run.write(dead_letters(1, "*na*"), dead_letters(2, "b*", ends_pass="last_page"))
    assert value(database_url, "SELECT total_rejected FROM ingestion_state") == 3


def play(url: str, seed: int) -> None:
    """A feed that grows while it is read, with backfills between; all of it may crash. Compared after each sync."""
    chance = random.Random(seed)
    feed = HeadFeed(url, f"feed_{seed}", limit=chance.randint(1, 6))
    feed.reports_total = chance.random() < 0.5
    nameless = chance.choice([0.0, 0.1, 0.5])

    def grow(most: int) -> None:
        for _ in range(chance.randint(0, most)):
            feed.records.insert(0, chance.choice([b"42", b"null"]) if chance.random() < nameless else feed.named())

    def backfill() -> None:
        # Mostly among what no pass has fetched yet, where a page of a window may be all that a later pass looks at.
        newest = chance.randint(0, chance.choice([5, len(feed.records)]))
        feed.backfill(newest, newest + chance.randint(1, 20), chance, trouble=0.05)

    grow(30)
    for _ in range(5):
        feed.before_request = lambda: grow(3) if chance.random() < 0.1 else None
        for _ in range(chance.randint(0, 6)):
            step = chance.randint(0, 2)
            if step == 0:
                backfill()
            elif step == 1:
                feed.crash(chance, trouble=0.3)
            else:
                grow(20)
        feed.before_request = lambda: None
        # A pass that has begun before the feed grew has not seen all of it.
        feed.sync(chance, trouble=0.08)
        while feed.sync(chance, trouble=0.08) != "complete":
            pass
        assert feed.stored() == feed.served_ids(), seed
        assert feed.kept() == feed.served(), seed
        assert feed.total_rejected() == feed.kept().total(), seed
        recorded = value(url, "SELECT total_ingested FROM ingestion_state WHERE stream = %s", (feed.stream,))
        assert recorded == len(feed.stored()), seed


@pytest.mark.parametrize("seed", range(0, 4, 2))
def test_random_syncs_with_backfills_between_them_lose_and_double_nothing(database_url: str, seed: int) -> None:
    for each in range(seed, seed + 2):
        play(database_url, each)
