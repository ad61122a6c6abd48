"""What an item pipeline does to the events of a page is what is stored, however late they were parsed."""

from __future__ import annotations

from datasync_spider.items import EventPage
from datasync_spider.storage.prepare import Preparer
from tests.support.sources import read_page

BODY = b'{"data":[{"id":"a"},{"id":"b"},{"id":3.5}],"hasMore":false}'


def fresh_page() -> EventPage:
    answered = read_page(BODY)
    return EventPage(1, 1, None, None, 3, answered, answered)


def test_a_page_that_no_one_looked_at_is_stored_as_it_came() -> None:
    prepared = Preparer().prepare(fresh_page())
    assert [(row.event_id, row.payload) for row in prepared.rows] == [("a", b'{"id":"a"}'), ("b", b'{"id":"b"}')]
    assert [event.position for event in prepared.rejected] == [2]
    assert prepared.counts.filtered == 0


def test_an_event_that_was_changed_in_place_is_stored_as_changed() -> None:
    page = fresh_page()
    page.events[1].payload = b'{"id":"b","seen":true}'
    prepared = Preparer().prepare(page)
    assert prepared.rows[1].payload == b'{"id":"b","seen":true}'
    assert [event.position for event in prepared.rejected] == [2]


def test_events_can_be_looked_at_after_they_were_prepared() -> None:
    page = fresh_page()
    Preparer().prepare(page)
    assert [event.event_id for event in page.events] == ["a", "b"]


def test_a_prepared_page_keeps_its_place_and_lets_go_of_its_events() -> None:
    prepared = Preparer().prepare(fresh_page())
    assert (prepared.page.number, prepared.page.received_events, list(prepared.page.events)) == (1, 3, [])
