"""A cut body is never a shorter page, and all ways to read a page read the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.records.page import Page
from tests.support.sources import READ_WAYS, read_page, read_page_in_python
from tests.unit.records.jsontexts import any_text, objects, written
from tests.unit.records.pagetexts import LIVE, bodies, body


def contents(page: Page) -> tuple[object, ...]:
    reported = (page.has_more, page.next_cursor, page.total, page.request_id, page.cursor_expires_in_seconds)
    return [bytes(raw) for raw in page.raw_events], *reported


@pytest.mark.parametrize("read", READ_WAYS)
@pytest.mark.parametrize("text", [LIVE, body(b'{"id":"\\ud800"}'), body(b'{"id":"a\\\\","n":[1e5,true]}, null')])
def test_no_proper_prefix_of_a_page_is_a_page(read: Callable[[bytes], Page], text: bytes) -> None:
    read(text)
    for length in range(len(text)):
        with pytest.raises(PageUnreadable):
            read(text[:length])


@given(bodies(), st.data())
def test_no_cut_of_any_page_is_a_page(text: bytes, data: st.DataObject) -> None:
    prefix = text[: data.draw(st.integers(0, len(text) - 1))]
    for read in READ_WAYS:
        with pytest.raises(PageUnreadable):
            read(prefix)


@given(bodies())
def test_all_readers_agree_on_every_good_page(text: bytes) -> None:
    first, *others = [contents(read(text)) for read in READ_WAYS]
    assert others == [first] * len(others)


@given(st.lists(written(objects(any_text)), min_size=1, max_size=5))
def test_the_events_of_a_page_are_the_very_bytes_between_the_commas(events: list[bytes]) -> None:
    text = body(b" , ".join(events))
    for read in READ_WAYS:
        assert [bytes(raw) for raw in read(text).raw_events] == events


@given(st.lists(written(objects(any_text)), min_size=1, max_size=3), st.data())
def test_a_page_with_unusable_events_is_not_shortened_by_a_cut_either(events: list[bytes], data: st.DataObject) -> None:
    text = body(b",".join([b'{"id":"\\ud800"}', *events]))
    prefix = text[: data.draw(st.integers(0, len(text) - 1))]
    for read in READ_WAYS:
        with pytest.raises(PageUnreadable):
            read(prefix)


@given(bodies(), st.binary(min_size=1, max_size=4), st.data())
def test_damage_never_ends_in_anything_but_a_page_or_a_refusal(text: bytes, junk: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text)))
    damaged = text[:position] + junk + text[position + data.draw(st.integers(0, 4)) :]
    # Anything else that is raised fails the test.
    with suppress(PageUnreadable, PageContradiction):
        page = read_page(damaged)
        assert contents(page) == contents(read_page_in_python(damaged))


@given(st.binary(max_size=40))
def test_no_bytes_whatever_crash_the_readers(text: bytes) -> None:
    for read in READ_WAYS:
        with suppress(PageUnreadable, PageContradiction):
            read(text)
