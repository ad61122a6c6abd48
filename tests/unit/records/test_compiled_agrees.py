"""The compiled reading of pages against the one in Python, over pages of every kind and damage of every kind."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.compiling import needs_compiled
from tests.unit.records.agreement import assert_agrees, columns_of
from tests.unit.records.jsontexts import any_text, objects, written
from tests.unit.records.pagetexts import bodies, body
from tests.unit.records.rawpages import damaged_pages, many_pages, pages

pytestmark = needs_compiled


@given(pages())
def test_odd_pages_are_read_alike(text: bytes) -> None:
    assert_agrees(text)


@given(damaged_pages())
@example(b"")
@example(b"{")
@example(b'{"data":[')
def test_damaged_pages_are_read_alike(text: bytes) -> None:
    assert_agrees(text)


@given(bodies(), st.binary(max_size=4), st.data())
def test_no_good_page_is_left_and_damage_makes_no_difference(text: bytes, junk: bytes, data: st.DataObject) -> None:
    assert columns_of(text) is not None
    position = data.draw(st.integers(0, len(text)))
    assert_agrees(text[:position] + junk + text[position + data.draw(st.integers(0, 4)) :])


@given(st.lists(written(objects(any_text)), max_size=4))
def test_events_of_any_content_are_read_alike(events: list[bytes]) -> None:
    named = [event.replace(b"{", b'{"id":"a",', 1) if len(event) > 2 else event for event in events]
    assert_agrees(body(b" , ".join(named)))


def test_thousands_of_pages_are_read_alike_and_not_for_doubting_them_all() -> None:
    taken = known = fallbacks = 0
    for text in many_pages(seed=1, count=5_000):
        columns = assert_agrees(text)
        if columns is not None:
            taken += 1
            known += len(columns) - columns.count(None)
            fallbacks += columns.count(None)
    # Far from nothing on each side: else this would prove little.
    assert taken > 800
    assert known > 800
    assert fallbacks > 500
