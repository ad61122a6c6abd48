"""What a complete full pass has not met is marked as deleted, and nothing else, whatever becomes of the pass."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from msgspec import structs

from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.connection import connected
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.registry import Deletions, Tombstone
from datasync_spider.storage.removal import find_target, reset
from datasync_spider.storage.resync import begin_anew
from datasync_spider.storage.since import Since
from tests.support.database import execute_outside, rows, value
from tests.support.deadletters import dead_letter, raw_event
from tests.support.deletions import THINGS, deleted, part, recorded, sync
from tests.support.pages import event, page
from tests.support.runs import RunWriter, open_test_run, run_writer
from tests.support.sources import stream_spec
from tests.support.verifying import failing
from tests.support.versions import history, version

NAMELESS = RejectedEvent(9, "not_an_object", b"42")
REMEMBERED = "SELECT count(*) FROM ingestion_seen"


def test_what_a_full_pass_has_not_met_is_marked_in_the_transaction_of_its_verdict(database_url: str) -> None:
    sync(database_url, ["a", "b"], ["c", "d"])
    assert deleted(database_url) == set()
    detail = sync(database_url, ["a"], ["d", "e"])
    assert deleted(database_url) == {"b", "c"}
    assert detail.endswith("; 2 marked as deleted, which this pass has not met")
    assert rows(
        database_url,
        "SELECT DISTINCT deleted_at = completed_at FROM datasync__things, ingestion_state"
        " WHERE deleted_at IS NOT NULL AND stream = 'things'",
    ) == [(True,)]
    assert recorded(database_url) == 2
    assert value(database_url, REMEMBERED) == 0
    assert failing(database_url) == set()


def test_a_record_that_comes_again_is_not_marked_any_more_at_once(database_url: str) -> None:
    sync(database_url, ["a", "b", "c"])
    sync(database_url, ["a"])
    assert deleted(database_url) == {"b", "c"}
    part(database_url, ["a", "b"])
    assert deleted(database_url) == {"c"}
    assert recorded(database_url) == 1
    sync(database_url, ["x"])
    assert (deleted(database_url), recorded(database_url)) == ({"c"}, 1)


def test_a_stream_that_does_not_declare_it_has_no_marks_and_pays_nothing(database_url: str) -> None:
    plain = structs.replace(THINGS, deletions=None)
    sync(database_url, ["a", "b"], spec=plain)
    assert "deleted" not in sync(database_url, ["a"], spec=plain)
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = %s AND column_name LIKE %s"
    assert value(database_url, columns, ("datasync__things", "%_at")) == 2
    assert value(database_url, "SELECT bool_and(pass_seen IS NULL) FROM ingestion_state") is True


def test_a_pass_that_was_killed_remembers_what_it_has_met(database_url: str) -> None:
    sync(database_url, ["a", "b"], ["c", "d"])
    part(database_url, ["a", "x"])
    assert value(database_url, REMEMBERED) == 1
    sync(database_url, ["d"])
    assert deleted(database_url) == {"b", "c"}


def test_what_a_pass_has_met_before_it_began_anew_at_the_head_counts_as_met(database_url: str) -> None:
    sync(database_url, ["a", "b"], ["c"])
    with run_writer(database_url, THINGS) as run:
        run.write(page(1, ["a"]))
        run.write(page(2, ["b"], chain=2))
        run.write(page(3, ["x"], chain=2, ends_pass="last_page"))
    assert deleted(database_url) == {"c"}


@pytest.mark.parametrize("seed", range(6))
def test_exactly_what_is_gone_is_marked_whatever_the_batches_and_kills(database_url: str, seed: int) -> None:
    draw = random.Random(seed)
    there = {f"e{n}" for n in range(40)}
    spec = structs.replace(THINGS, slice='{"n":1}') if seed % 2 else THINGS
    ever: set[str] = set()
    for _ in range(4):
        there = {name for name in {*there, *(f"n{draw.randrange(99)}" for _ in range(9))} if draw.random() > 0.2}
        ever |= there
        feed = draw.sample(sorted(there), len(there))
        pages = [feed[start : start + 7] for start in range(0, len(feed), 7)]
        while len(pages) > 1 and draw.random() < 0.8:
            done = draw.randrange(1, len(pages))
            part(database_url, *pages[:done], spec=spec)
            # A page may be read again after a kill.
            pages = pages[done - draw.randrange(2) :]
        sync(database_url, *pages, spec=spec, total=len(there))
        assert deleted(database_url, spec) == ever - there
        assert recorded(database_url, spec) == len(ever - there)
    assert failing(database_url) == set()


@pytest.mark.parametrize("mode", ["straight", "split", "probed"])
def test_a_record_counts_as_met_whichever_way_its_row_is_written(database_url: str, mode: str) -> None:
    sync(database_url, ["a", "b", "c"])
    run = RunWriter(database_url, open_test_run(database_url, THINGS), mode=CopyMode(expects_known=mode != "straight"))
    if mode == "probed":
        run.write(page(1, [f"new-{n}" for n in range(50)]))
    first = 2 if mode == "probed" else 1
    bad = event("a", payload=b'{"id":"a","v":"\\u0000"}')
    run.write(page(first, [bad, event("b"), event("x")], ends_pass="last_page"))
    run.connection.close()
    assert deleted(database_url) == {"c"}
    assert value(database_url, "SELECT reason FROM rejected_events").startswith("refused_by_postgresql")


def test_a_dead_letter_whose_id_can_be_read_counts_as_met(database_url: str) -> None:
    sync(database_url, ["a", "b", "c"])
    dead_letters = [dead_letter(0, "bad", raw_event("b")), dead_letter(1, "bad", raw_event("n"))]
    sync(database_url, ["a"], rejected=dead_letters, total=3)
    assert deleted(database_url) == {"c"}


def test_where_an_id_cannot_be_read_nothing_is_marked_and_the_run_says_so(database_url: str) -> None:
    sync(database_url, ["a", "b"])
    with run_writer(database_url, THINGS) as run:
        run.write(page(1, [], rejected=[NAMELESS]))
    detail = sync(database_url, ["a"])
    assert deleted(database_url) == set()
    assert "nothing is marked as deleted, since the pass has met records whose id cannot be read" in detail
    sync(database_url, ["a"])
    assert deleted(database_url) == {"b"}


def test_where_an_item_pipeline_has_left_records_out_nothing_is_marked(database_url: str) -> None:
    sync(database_url, ["a", "b"])
    with run_writer(database_url, THINGS) as run:
        reported = run.write(dataclasses.replace(page(1, ["a"], ends_pass="last_page"), received_events=2))
    assert deleted(database_url) == set()
    assert "an item pipeline has left out records" in str(reported.detail)


def test_a_pass_that_has_met_less_than_the_api_counts_marks_nothing_though_more_is_stored(database_url: str) -> None:
    sync(database_url, ["a", "b", "c", "d"], total=4)
    detail = sync(database_url, ["a", "b"], total=3)
    assert deleted(database_url) == set()
    assert detail.endswith("nothing is marked as deleted, since the pass has met 2 records, and the API counted 3")
    # What went while the pass was on its way does not stand in for what it has skipped.
    part(database_url, ["a", "b"], total=4)
    sync(database_url, ["d"], total=3)
    assert deleted(database_url) == set()
    sync(database_url, ["a", "b"], ["d"], total=3)
    assert deleted(database_url) == {"c"}


def test_a_pass_that_is_short_marks_nothing(database_url: str) -> None:
    sync(database_url, ["a", "b"])
    assert "marked" not in sync(database_url, ["a"], total=9)
    assert value(database_url, "SELECT pass_status FROM ingestion_state WHERE stream = 'things'") == "short"
    assert (deleted(database_url), value(database_url, REMEMBERED)) == (set(), 0)


def test_a_stream_whose_places_shift_is_marked_only_where_the_api_has_given_a_total(database_url: str) -> None:
    spec = structs.replace(THINGS, deletions=Deletions(needs_total=True))
    sync(database_url, ["a", "b"], spec=spec)
    assert "the API gave no total, and its pages shift" in sync(database_url, ["a"], spec=spec)
    assert deleted(database_url) == set()
    sync(database_url, ["a"], spec=spec, total=1)
    assert deleted(database_url) == {"b"}


def test_a_run_with_too_many_dead_letters_marks_nothing(database_url: str) -> None:
    sync(database_url, ["a", "b"])
    dead_letters = [dead_letter(n, "bad", raw_event(f"r{n}")) for n in range(1_000)]
    with run_writer(database_url, THINGS, rejected_max_percent=50) as run:
        run.write(page(1, ["a"], rejected=dead_letters, ends_pass="last_page"))
    assert deleted(database_url) == set()
    assert "1 marked as deleted" in sync(database_url, ["a"])


@pytest.mark.parametrize("total", [None, 2])
def test_what_a_backfill_has_met_meanwhile_is_not_marked(database_url: str, total: int | None) -> None:
    sync(database_url, ["a", "b", "c"])
    part(database_url, ["a"], total=total)
    with run_writer(database_url, THINGS, is_backfill=True) as run:
        run.write(page(1, ["b", "n"], ends_pass="last_page"))
    sync(database_url, ["x"], total=total)
    assert deleted(database_url) == ({"c"} if total is None else set())


def test_a_backfill_marks_nothing_and_takes_marks_off(database_url: str) -> None:
    sync(database_url, ["a", "b", "c"])
    sync(database_url, ["a"])
    with run_writer(database_url, THINGS, is_backfill=True) as run:
        run.write(page(1, ["b"], ends_pass="last_page"))
    assert (deleted(database_url), recorded(database_url)) == ({"c"}, 1)


def test_passes_that_ask_for_a_part_of_the_stream_mark_nothing(database_url: str) -> None:
    known = stream_spec("known", deletions=Deletions())
    sync(database_url, ["b", "a"], spec=known)
    with run_writer(database_url, known) as run:
        run.write(page(1, ["c"]))
        reported = run.write(page(2, ["b"], ends_pass="reached_known"))
    assert "marked" not in str(reported.detail)
    assert deleted(database_url, known) == set()
    traits: dict[str, Any] = {"order": "oldest-first", "is_incremental": False, "deletions": Deletions()}
    since = stream_spec("since", since=Since(start_us=None, overlap_us=0, lag_us=0, unit_us=1), **traits)
    first = [event("a", 1_000_000_000), event("b", 2_000_000_000)]
    sync(database_url, first, spec=since)
    assert value(database_url, "SELECT floor_at IS NOT NULL FROM ingestion_state WHERE stream = 'since'") is True
    sync(database_url, first[1:], spec=since)
    assert deleted(database_url, since) == set()
    resumed = stream_spec("resumed", order="none", is_incremental=False, has_bookmarks=True, deletions=Deletions())
    for names in (["a", "b"], ["b"]):
        with run_writer(database_url, resumed) as run:
            run.write(dataclasses.replace(page(1, names, ends_pass="last_page"), bookmark="t"))
    assert deleted(database_url, resumed) == set()


def test_a_first_sync_that_begins_at_a_time_marks_nothing(database_url: str) -> None:
    since = Since(start_us=5, overlap_us=0, lag_us=0, unit_us=1)
    spec = structs.replace(THINGS, order="oldest-first", since=since)
    with run_writer(database_url, spec, is_backfill=True) as run:
        run.write(page(1, ["old"], ends_pass="last_page"))
    sync(database_url, ["a"], spec=spec)
    assert deleted(database_url, spec) == set()


def test_a_pass_that_begins_anew_because_its_token_is_gone_marks(database_url: str) -> None:
    spec = structs.replace(THINGS, has_bookmarks=True)
    with run_writer(database_url, spec) as run:
        run.write(dataclasses.replace(page(1, ["a", "b", "c"], ends_pass="last_page"), bookmark="t1"))
    with run_writer(database_url, spec) as run:
        run.write(dataclasses.replace(page(1, ["a"], chain=2), is_widened=True))
    with run_writer(database_url, spec) as run:
        run.write(dataclasses.replace(page(1, ["c"], chain=2, ends_pass="last_page"), bookmark="t2"))
    assert deleted(database_url, spec) == {"b"}


def test_a_pass_that_the_api_has_asked_to_begin_anew_remembers_nothing_of_the_one_before(database_url: str) -> None:
    sync(database_url, ["a", "b", "c"])
    run = RunWriter(database_url, open_test_run(database_url, THINGS))
    run.write(page(1, ["b"]))
    with connected(database_url) as connection:
        run.writer.go_on(begin_anew(connection, run.run))
    run.write(page(2, ["a"], ends_pass="last_page"))
    run.connection.close()
    assert deleted(database_url) == {"b", "c"}


def test_a_run_of_a_pass_that_does_not_declare_it_keeps_the_pass_from_marking(database_url: str) -> None:
    plain = structs.replace(THINGS, deletions=None)
    sync(database_url, ["a", "b"])
    part(database_url, ["a"], spec=plain)
    assert "marked" not in sync(database_url, ["x"])
    sync(database_url, ["a"])
    part(database_url, ["a"])
    part(database_url, ["b"], spec=plain)
    # Whoever has the table takes marks off all the same.
    assert deleted(database_url) == {"x"}
    assert "marked" not in sync(database_url, ["y"])
    assert deleted(database_url) == {"x"}


def test_a_clock_that_goes_back_makes_nothing_deleted(database_url: str) -> None:
    sync(database_url, ["a"])
    part(database_url, ["a"])
    later = "UPDATE ingestion_state SET pass_started_at = now() + INTERVAL '1 hour' WHERE stream = 'things'"
    execute_outside(database_url, later)
    sync(database_url, ["n"])
    assert deleted(database_url) == set()


def test_each_slice_is_looked_at_by_itself(database_url: str) -> None:
    one, two = (structs.replace(THINGS, slice=name) for name in ('{"n":1}', '{"n":2}'))
    sync(database_url, ["a", "b"], spec=one)
    sync(database_url, ["a", "b"], spec=two)
    part(database_url, ["b"], spec=two)
    sync(database_url, ["a"], spec=one)
    assert (deleted(database_url, one), deleted(database_url, two)) == ({"b"}, set())
    sync(database_url, ["x"], spec=two)
    assert (deleted(database_url, one), deleted(database_url, two)) == ({"b"}, {"a"})


def test_a_mutable_stream_knows_both_tombstones_and_what_is_not_met(database_url: str) -> None:
    tombstone = Tombstone(("gone",), True)
    spec = structs.replace(
        THINGS, is_mutable=True, version=("v",), keeps_history=True, tombstone=tombstone, deletions=Deletions()
    )
    sync(database_url, [version(name, 1) for name in "abcd"], spec=spec)
    sync(database_url, [version("a", 2), version("b", 2, ',"gone":true')], spec=spec)
    assert deleted(database_url, spec) == {"b", "c", "d"}
    unseen = "SELECT event_id FROM datasync__things WHERE unseen_at IS NOT NULL ORDER BY 1"
    assert rows(database_url, unseen) == [("c",), ("d",)]
    assert history(database_url, spec) == {("a", "1"): 1, ("b", "1"): 1}
    # In an earlier version, in a later one, and as a tombstone.
    sync(database_url, [version("a", 2), version("c", 0), version("d", 2), version("b", 3)], spec=spec)
    assert deleted(database_url, spec) == set()
    sync(database_url, [version("c", 2, ',"gone":true')], spec=spec)
    sync(database_url, [version("x", 2)], spec=spec)
    assert deleted(database_url, spec) == {"a", "b", "c", "d"}
    assert failing(database_url) == set()


def test_a_table_from_before_the_stream_declared_it_gets_its_column(database_url: str) -> None:
    plain = structs.replace(THINGS, deletions=None)
    sync(database_url, ["a", "b"], spec=plain)
    sync(database_url, ["a"])
    assert deleted(database_url) == {"b"}
    marked = structs.replace(THINGS, name="marked", is_mutable=True, tombstone=Tombstone(("gone",), True))
    gone = Event("t", None, b'{"id":"t","gone":true}')
    sync(database_url, [gone, event("u")], spec=structs.replace(marked, deletions=None))
    sync(database_url, [event("x")], spec=marked)
    assert deleted(database_url, marked) == {"t", "u"}


def test_a_reset_forgets_marks_and_memory(database_url: str) -> None:
    sync(database_url, ["a", "b"])
    sync(database_url, ["a"])
    part(database_url, ["a"])
    with connected(database_url) as connection:
        target = find_target(connection, "things", None)
        assert target is not None
        reset(connection, target, 60_000, alive=lambda _: False)
    assert (value(database_url, REMEMBERED), recorded(database_url)) == (0, 0)
    sync(database_url, ["b"])
    assert deleted(database_url) == set()
