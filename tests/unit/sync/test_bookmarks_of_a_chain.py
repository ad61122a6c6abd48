"""A walk of a pass that begins with a bookmark: where it begins anew, and what it gives up, once."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from datasync_spider.errors import CursorRepeated
from datasync_spider.sync.chain import Chain
from tests.support.chains import step
from tests.unit.sync.test_chain_positions import page, resume


def begun(cursor: str | None = None, *trail: str) -> Chain:
    return Chain(replace(resume(cursor, *trail), bookmark="B"))


def test_it_begins_with_the_bookmark_and_begins_anew_there() -> None:
    walk = begun()
    assert (walk.first_cursor(), walk.head) == ("B", "B")
    step(walk, page("C", "x"), "B", None)
    walk.restart(1)
    assert walk.head == "B"
    # Its own beginning is part of the new walk's trail.
    with pytest.raises(CursorRepeated):
        step(walk, page("B", "x"), "C", None)
    assert begun("C").first_cursor() == "C"


def test_a_position_is_given_up_for_the_bookmark_and_that_for_the_head_and_no_more() -> None:
    walk = begun("C", "B")
    assert walk.is_stored_position("C")
    walk.give_up_position("C")
    assert (walk.head, walk.is_widened) == ("B", False)
    assert walk.is_stored_position("B")
    walk.give_up_position("B")
    assert (walk.head, walk.is_widened) == (None, True)
    assert not walk.is_stored_position("B")
    assert not walk.is_stored_position(None)
    assert not walk.begin_anew()


def test_a_bookmark_may_be_given_up_after_pages_that_came_of_it() -> None:
    walk = begun()
    step(walk, page("C", "x"), "B", None)
    walk.restart(1)
    assert walk.is_stored_position("B")


def test_all_is_read_anew_once() -> None:
    walk = begun("C", "B")
    assert walk.begin_anew()
    assert (walk.head, walk.is_widened, walk.number) == (None, True, 5)
    assert not walk.begin_anew()


def test_a_pass_without_a_bookmark_is_never_widened_by_a_position_that_is_given_up() -> None:
    walk = Chain(resume("C"))
    walk.give_up_position("C")
    assert not walk.is_widened


def test_an_empty_end_with_a_durable_token_proves_itself() -> None:
    end = msgspec.structs.replace(page(None), tail="B")
    assert not begun().ends_unproven(end, "B")
    assert begun().ends_unproven(page(None), "B")


def test_no_total_counts_what_follows_a_bookmark() -> None:
    told = msgspec.structs.replace(page(None, "x"), total=99)
    assert step(begun(), told, "B", None).expected_total is None
