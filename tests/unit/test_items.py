"""What a page is as an item: its place in the feed, and what of it is stored."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.event import RejectedEvent
from tests.support.sources import read_page

pytestmark = pytest.mark.usefixtures("each_way")

EVENTS = {"events", "rejected"}


def fresh_page(body: bytes = b'{"data":[{"id":"a"},{"id":"b"},{"id":3.5}],"hasMore":false}') -> EventPage:
    answered = read_page(body)
    return EventPage(1, 1, None, None, 3, answered, answered)


def test_without_its_events_a_page_keeps_everything_else() -> None:
    values: dict[str, Any] = {field.name: object() for field in fields(EventPage)}
    assert values.keys() > EVENTS
    kept = EventPage(**values).without_events()
    # It was said of the answer's own records, which these are not.
    assert {field.name: getattr(kept, field.name) for field in fields(EventPage) if field.name not in EVENTS} == {
        name: value for name, value in values.items() if name not in EVENTS
    } | {"is_stored": False}
    assert (kept.events, kept.rejected) == ((), ())


def test_a_page_that_no_one_touched_is_not_copied() -> None:
    page = fresh_page()
    columns = page.columns()
    assert page.columns() is columns
    assert (columns.event_ids, [one.position for one in columns.rejected]) == (["a", "b"], [2])


def test_rejected_events_that_were_replaced_are_the_ones_that_are_kept() -> None:
    page = fresh_page()
    own = page.rejected
    mine = [RejectedEvent(0, "no_id", b"{}"), RejectedEvent(1, "no_id", b"[]")]
    page.rejected = tuple(mine)
    columns = page.columns()
    assert columns.event_ids == ["a", "b"]
    assert columns.rejected == mine
    page.rejected = own
    assert [one.position for one in page.columns().rejected] == [2]


def test_no_rejected_event_is_kept_where_all_were_left_out() -> None:
    page = fresh_page()
    page.rejected = []
    assert page.columns().rejected == []


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_the_rejected_events_of_another_page_are_that_pages(is_looked_at: bool) -> None:
    page = fresh_page()
    another = fresh_page(b'{"data":[{},[],{"id":"c"}],"hasMore":false}')
    page.rejected = another.rejected
    if is_looked_at:
        assert len(page.events) == 2
    columns = page.columns()
    assert columns.event_ids == ["a", "b"]
    assert [one.position for one in columns.rejected] == [0, 1]
    assert [one.position for one in another.columns().rejected] == [0, 1]


def test_the_events_of_another_page_do_not_bring_its_rejected_ones() -> None:
    page = fresh_page()
    page.events = fresh_page(b'{"data":[{},[],{"id":"c"}],"hasMore":false}').events
    columns = page.columns()
    assert columns.event_ids == ["c"]
    assert [one.position for one in columns.rejected] == [2]


def test_looking_at_rejected_events_alone_leaves_the_others_columns() -> None:
    page = fresh_page()
    assert [one.position for one in page.rejected] == [2]
    assert page.columns() is page.columns()
