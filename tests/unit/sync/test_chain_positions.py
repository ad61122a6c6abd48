"""When a chain may give up the position that an earlier run has left, and what it begins anew then."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from datasync_spider.errors import CursorRepeated, NoNewRecords
from datasync_spider.records.page import Page
from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.runs import ResumePoint
from datasync_spider.sync.chain import Chain
from tests.support.chains import step
from tests.support.sources import READER


def resume(cursor: str | None, *trail: str, expected_total: int | None = None) -> ResumePoint:
    return ResumePoint(
        cursor=cursor,
        pass_number=1,
        pass_kind="full",
        known_before=datetime(2026, 1, 1, tzinfo=UTC),
        chain=4,
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
    chain = Chain(resume("B", "A"))
    assert chain.is_stored_position(chain.first_cursor())
    chain.give_up_position()
    assert chain.number == 5
    assert not chain.is_stored_position("B")


def test_a_position_that_a_page_came_of_stays() -> None:
    chain = Chain(resume("B", "A"))
    step(chain, page("C", "x"), "B", None)
    assert not chain.is_stored_position("C")


def test_after_an_expired_cursor_there_is_nothing_left_to_give_up() -> None:
    chain = Chain(resume("B", "A"))
    chain.restart(1)
    assert not chain.is_stored_position("A")
    assert not Chain(resume(None)).is_stored_position(None)


def test_a_position_that_leads_back_is_no_page_yet_and_the_chain_from_the_head_begins_a_trail_of_its_own() -> None:
    chain = Chain(resume("B", "A"))
    with pytest.raises(CursorRepeated):
        step(chain, page("A", "x"), "B", None)
    assert chain.is_stored_position("B")
    chain.give_up_position()
    steps = [step(chain, page("A", "x"), None, None), step(chain, page("B", "y"), "A", None)]
    assert [(step.number, step.chain) for step in steps] == [(1, 5), (2, 5)]


def test_an_empty_end_proves_nothing_at_a_stored_position_where_no_total_is_known() -> None:
    assert Chain(resume("B")).ends_unproven(page(None), "B")
    assert not Chain(resume("B", expected_total=9)).ends_unproven(page(None), "B")
    assert not Chain(resume("B")).ends_unproven(page(None, "x"), "B")
    assert not Chain(resume("B")).ends_unproven(page("C"), "B")
    assert not Chain(resume(None)).ends_unproven(page(None), None)
    chain = Chain(resume("B"))
    step(chain, page("C", "x"), "B", None)
    assert not chain.ends_unproven(page(None), "C")


def test_a_filter_by_time_whose_answer_lacks_even_the_event_that_it_names_is_not_used_again() -> None:
    chain = Chain(resume(None))
    until_ms = chain.until_ms(1000, 5000)
    assert chain.leaves_a_gap(page(None), until_ms)
    assert chain.until_ms(1000, 5000) is None
    assert not chain.leaves_a_gap(page(None), None)


def test_a_new_chain_may_meet_all_pages_of_the_last_one() -> None:
    chain = Chain(resume(None))
    for number in range(MOST_REPEATED_PAGES + 1):
        step(chain, page(f"a{number}", "x"), None, None)
    chain.restart(1)
    for number in range(MOST_REPEATED_PAGES + 1):
        step(chain, page(f"a{number}", "x"), None, None)
    with pytest.raises(NoNewRecords):
        step(chain, page("b", "x"), None, None)
