"""A chain of a pass that begins with a bookmark: where it begins anew, and what it gives up, once."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from datasync_spider.errors import CursorRepeated
from datasync_spider.sync.chain import Chain
from tests.support.chains import step
from tests.unit.sync.test_chain_positions import page, resume


def begun(cursor: str | None = None, *trail: str) -> Chain:
    return Chain(replace(resume(cursor, *trail), bookmark="B"))


def test_it_begins_with_the_bookmark_and_begins_anew_there() -> None:
    chain = begun()
    assert (chain.first_cursor(), chain.head) == ("B", "B")
    step(chain, page("C", "x"), "B", None)
    chain.restart(1)
    assert chain.head == "B"
    # Its own beginning is part of the new chain's trail.
    with pytest.raises(CursorRepeated):
        step(chain, page("B", "x"), "C", None)
    assert begun("C").first_cursor() == "C"


def test_a_position_is_given_up_for_the_bookmark_and_that_for_the_head_and_no_more() -> None:
    chain = begun("C", "B")
    assert chain.is_stored_position("C")
    chain.give_up_position("C")
    assert (chain.head, chain.is_widened) == ("B", False)
    assert chain.is_stored_position("B")
    chain.give_up_position("B")
    assert (chain.head, chain.is_widened) == (None, True)
    assert not chain.is_stored_position("B")
    assert not chain.is_stored_position(None)
    assert not chain.begin_anew()


def test_a_bookmark_may_be_given_up_after_pages_that_came_of_it() -> None:
    chain = begun()
    step(chain, page("C", "x"), "B", None)
    chain.restart(1)
    assert chain.is_stored_position("B")


def test_all_is_read_anew_once() -> None:
    chain = begun("C", "B")
    assert chain.begin_anew()
    assert (chain.head, chain.is_widened, chain.number) == (None, True, 5)
    assert not chain.begin_anew()


def test_a_pass_without_a_bookmark_is_never_widened_by_a_position_that_is_given_up() -> None:
    chain = Chain(resume("C"))
    chain.give_up_position("C")
    assert not chain.is_widened


def test_an_empty_end_with_a_durable_token_proves_itself() -> None:
    end = msgspec.structs.replace(page(None), tail="B")
    assert not begun().ends_unproven(end, "B")
    assert begun().ends_unproven(page(None), "B")


def test_no_total_counts_what_follows_a_bookmark() -> None:
    reported = msgspec.structs.replace(page(None, "x"), total=99)
    assert step(begun(), reported, "B", None).expected_total is None
