from datetime import UTC, datetime

import msgspec
import pytest

from datasync_spider.errors import CursorRepeated
from datasync_spider.records.page import Page
from datasync_spider.spiders.walk import NoProgress, Walk
from datasync_spider.storage.runs import ResumePoint
from tests.support.sources import READER


def resume(cursor: str | None = None, trail: tuple[str, ...] = (), walk: int = 1) -> ResumePoint:
    return ResumePoint(
        cursor=cursor,
        pass_number=1,
        pass_kind="full",
        known_before=datetime(2026, 1, 1, tzinfo=UTC),
        walk=walk,
        trail=trail,
        newest_ms=None,
        total_ingested=0,
        expected_total=None,
        begins_pass=cursor is None,
    )


def page(next_cursor: str | None, total: int | None = 10, *, seconds: int = 1_700_000_000) -> Page:
    raw = msgspec.Raw(b'{"id":"a","timestamp":%d}' % (seconds * 1000))
    return Page([raw], READER, next_cursor, next_cursor is not None, total)


def test_pages_are_numbered_without_a_gap_across_walks() -> None:
    walk = Walk(resume())
    numbers = [walk.step(page("A"), None, None).number]
    walk.restart(5)
    numbers += [walk.step(page("B"), None, None).number, walk.step(page(None), "B", None).number]
    assert numbers == [1, 2, 3]


def test_a_cursor_that_does_not_advance_is_a_circle() -> None:
    walk = Walk(resume())
    walk.step(page("A"), None, None)
    with pytest.raises(CursorRepeated):
        walk.step(page("A"), "A", None)


def test_a_circle_of_two_is_noticed_too() -> None:
    walk = Walk(resume())
    walk.step(page("A"), None, None)
    walk.step(page("B"), "A", None)
    with pytest.raises(CursorRepeated):
        walk.step(page("A"), "B", None)


def test_the_guard_holds_across_runs() -> None:
    walk = Walk(resume("C", ("A", "B")))
    assert walk.first_cursor() == "C"
    with pytest.raises(CursorRepeated):
        walk.step(page("A"), "C", None)


def test_a_stored_position_that_the_walk_has_been_at_is_asked_once_more() -> None:
    walk = Walk(resume("A", ("A", "B")))
    assert walk.first_cursor() == "A"
    with pytest.raises(CursorRepeated):
        walk.step(page("A"), "A", None)


def test_a_new_walk_may_meet_the_cursors_of_the_last_one() -> None:
    walk = Walk(resume("B", ("A",)))
    walk.first_cursor()
    walk.restart(1)
    assert walk.step(page("A"), None, None).walk == 2


def test_only_the_head_speaks_for_the_whole_feed() -> None:
    walk = Walk(resume())
    assert walk.step(page("A", total=99), None, None).expected_total == 99
    assert walk.step(page("B", total=99), "A", None).expected_total is None


def test_a_filter_that_is_honoured_shows_in_the_answer_and_one_that_is_ignored_has_served_the_head() -> None:
    walk = Walk(resume())
    assert walk.step(page("A", total=7, seconds=1_600_000_000), None, 1_650_000_000_000).expected_total is None
    walk.restart(1)
    assert walk.step(page("B", total=7, seconds=1_700_000_000), None, 1_650_000_000_000).expected_total == 7


def test_a_filter_is_tried_only_where_its_effect_could_be_seen() -> None:
    walk = Walk(resume())
    assert walk.until_ms(1000, 5000) == 1001
    assert walk.until_ms(None, 5000) is None
    assert walk.until_ms(1000, None) is None
    assert walk.until_ms(1000, 1001) is None


@pytest.mark.parametrize("oldest_ms", [-62_135_596_800_000, -1, 0, 253_402_300_799_998])
def test_a_time_that_a_source_writes_for_one_that_it_does_not_know_is_no_place_to_go_on_from(oldest_ms: int) -> None:
    assert Walk(resume()).until_ms(oldest_ms, 253_402_300_799_999) is None


def test_a_filter_that_leaves_a_gap_is_not_used_and_not_tried_again() -> None:
    walk = Walk(resume())
    until_ms = walk.until_ms(1_650_000_000_000, 1_700_000_000_000)
    assert until_ms == 1_650_000_000_001
    assert not walk.leaves_a_gap(page("A", seconds=1_650_000_000), until_ms)
    assert not walk.leaves_a_gap(page("A", seconds=1_700_000_000), until_ms)
    assert not walk.leaves_a_gap(page("A", seconds=1_600_000_000), None)
    assert walk.until_ms(1_650_000_000_000, 1_700_000_000_000) == until_ms
    assert walk.leaves_a_gap(page("A", seconds=1_649_999_999), until_ms)
    assert walk.until_ms(1_650_000_000_000, 1_700_000_000_000) is None


def test_restarts_that_bring_nothing_new_end_the_run() -> None:
    walk = Walk(resume())
    for _ in range(3):
        walk.restart(10)
    with pytest.raises(NoProgress, match="4 times"):
        walk.restart(10)


def test_restarts_may_go_on_as_long_as_each_brings_something() -> None:
    walk = Walk(resume())
    for accounted in range(50):
        walk.restart(accounted)


def test_a_restart_of_which_nothing_is_known_is_not_held_against_the_run() -> None:
    walk = Walk(resume())
    for _ in range(50):
        walk.restart(None)
