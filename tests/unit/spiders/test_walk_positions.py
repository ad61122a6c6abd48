"""When a walk may give up the position that an earlier run has left, and what it begins anew then."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from datasync_spider.errors import CursorRepeated, NoNewRecords
from datasync_spider.records.page import Page
from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.spiders.walk import Walk
from datasync_spider.storage.runs import ResumePoint
from tests.support.sources import READER


def resume(cursor: str | None, *trail: str, expected_total: int | None = None) -> ResumePoint:
    return ResumePoint(
        cursor=cursor,
        pass_number=1,
        pass_kind="full",
        known_before=datetime(2026, 1, 1, tzinfo=UTC),
        walk=4,
        trail=trail,
        newest_ms=None,
        total_ingested=0,
        expected_total=expected_total,
        begins_pass=cursor is None,
    )


def page(next_cursor: str | None, *event_ids: str) -> Page:
    raw = [msgspec.Raw(b'{"id":"%s","timestamp":1}' % event_id.encode()) for event_id in event_ids]
    return Page(raw, READER, next_cursor, next_cursor is not None)


def test_only_the_position_of_an_earlier_run_may_be_given_up_and_only_once() -> None:
    walk = Walk(resume("B", "A"))
    assert walk.is_stored_position(walk.first_cursor())
    walk.give_up_position()
    assert walk.number == 5
    assert not walk.is_stored_position("B")


def test_a_position_that_a_page_came_of_stays() -> None:
    walk = Walk(resume("B", "A"))
    walk.step(page("C", "x"), "B", None)
    assert not walk.is_stored_position("C")


def test_after_an_expired_cursor_there_is_nothing_left_to_give_up() -> None:
    walk = Walk(resume("B", "A"))
    walk.restart(1)
    assert not walk.is_stored_position("A")
    assert not Walk(resume(None)).is_stored_position(None)


def test_a_position_that_leads_back_is_no_page_yet_and_the_walk_from_the_head_begins_a_trail_of_its_own() -> None:
    walk = Walk(resume("B", "A"))
    with pytest.raises(CursorRepeated):
        walk.step(page("A", "x"), "B", None)
    assert walk.is_stored_position("B")
    walk.give_up_position()
    steps = [walk.step(page("A", "x"), None, None), walk.step(page("B", "y"), "A", None)]
    assert [(step.number, step.walk) for step in steps] == [(1, 5), (2, 5)]


def test_an_empty_end_proves_nothing_at_a_stored_position_where_no_total_is_known() -> None:
    assert Walk(resume("B")).ends_unproven(page(None), "B")
    assert not Walk(resume("B", expected_total=9)).ends_unproven(page(None), "B")
    assert not Walk(resume("B")).ends_unproven(page(None, "x"), "B")
    assert not Walk(resume("B")).ends_unproven(page("C"), "B")
    assert not Walk(resume(None)).ends_unproven(page(None), None)
    walk = Walk(resume("B"))
    walk.step(page("C", "x"), "B", None)
    assert not walk.ends_unproven(page(None), "C")


def test_a_filter_by_time_whose_answer_lacks_even_the_event_that_it_names_is_not_used_again() -> None:
    walk = Walk(resume(None))
    until_ms = walk.until_ms(1000, 5000)
    assert walk.leaves_a_gap(page(None), until_ms)
    assert walk.until_ms(1000, 5000) is None
    assert not walk.leaves_a_gap(page(None), None)


def test_a_new_walk_may_meet_all_pages_of_the_last_one() -> None:
    walk = Walk(resume(None))
    for number in range(MOST_REPEATED_PAGES + 1):
        walk.step(page(f"a{number}", "x"), None, None)
    walk.restart(1)
    for number in range(MOST_REPEATED_PAGES + 1):
        walk.step(page(f"a{number}", "x"), None, None)
    with pytest.raises(NoNewRecords):
        walk.step(page("b", "x"), None, None)
