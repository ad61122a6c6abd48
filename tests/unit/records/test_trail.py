"""A feed that leads in a circle is noticed at the first cursor that comes again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import CursorRepeated
from datasync_spider.records.trail import CursorTrail, digest


@pytest.mark.parametrize("circle", ["AA", "ABA", "ABCB", "ABCA"])
def test_the_cursor_that_closes_a_circle_is_refused(circle: str) -> None:
    trail = CursorTrail()
    for cursor in circle[:-1]:
        trail.follow(cursor)
    with pytest.raises(CursorRepeated):
        trail.follow(circle[-1])


def test_an_earlier_run_counts_as_the_same_chain() -> None:
    trail = CursorTrail(digest(cursor) for cursor in ["A", "B"])
    trail.follow("C")
    assert len(trail) == 3
    with pytest.raises(CursorRepeated):
        trail.follow("A")


def test_the_message_does_not_print_the_cursor() -> None:
    trail = CursorTrail([digest("a-very-long-cursor")])
    with pytest.raises(CursorRepeated, match="circle") as caught:
        trail.follow("a-very-long-cursor")
    assert "a-very-long-cursor" not in str(caught.value)


@given(st.lists(st.text(st.characters(exclude_categories=[])), unique=True))
def test_cursors_that_differ_are_never_refused(cursors: list[str]) -> None:
    trail = CursorTrail()
    for cursor in cursors:
        trail.follow(cursor)
    assert {len(digest(cursor)) for cursor in cursors} <= {16}


def test_a_digest_is_the_same_in_every_run() -> None:
    assert digest("eyJ").hex() == "2155820268117c275d46bd10f3a88e9a"
