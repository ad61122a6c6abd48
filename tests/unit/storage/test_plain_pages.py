"""Pages whose events no one has had in hand become the rows that looking at each event would make of them."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.items import EventPage
from datasync_spider.records import compiled
from datasync_spider.records.page import Page
from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.feedorder import PageTimes
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.rows import Rows, encode_rows
from tests.support.compiling import needs_compiled
from tests.support.leaks import left_behind_bytes
from tests.support.scanning import split
from tests.support.sources import read_page
from tests.unit.records.pagetexts import body

pytestmark = needs_compiled

_ids = st.sampled_from(["a", "b", "c", "d", "ab", "aéz", "a☃z", "a😀z", "a b", "7"])
_times = st.sampled_from(
    ["", ',"timestamp":1769541612369', ',"timestamp":1769541612', ',"timestamp":"2026-01-27T19:20:12Z"']
)
_event = st.builds(
    lambda event_id, time, more: f'{{"id":"{event_id}"{time}{more}}}'.encode(),
    _ids,
    _times | st.integers(1_769_541_612_000, 1_769_541_612_004).map(',"timestamp":{}'.format),
    st.sampled_from(["", ',"more":[1,{"x":null}]']),
)
_pages = st.lists(st.lists(_event, max_size=5), min_size=1, max_size=5)


def item(number: int, raw_page: Page) -> EventPage:
    return EventPage(number, 1, None, "next", len(raw_page.raw_events), raw_page, raw_page)


def page_of(*events: bytes) -> EventPage:
    return item(1, read_page(body(b",".join(events))))


def shown(prepared: PreparedPage) -> Any:
    return (
        list(prepared.rows),
        prepared.versions,
        prepared.counts,
        prepared.rejected,
        (prepared.newest, prepared.oldest, prepared.in_order),
    )


@given(_pages, st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_page_as_it_came_is_prepared_as_one_whose_events_were_looked_at(
    pages: list[list[bytes]], commits: list[bool]
) -> None:
    plain, looked_at = Preparer(), Preparer()
    for number, events in enumerate(pages, 1):
        text = body(b",".join(events))
        unmodified, modified = item(number, read_page(text)), item(number, read_page(text))
        assert len(list(modified.events)) == len(events)
        assert (unmodified.plain_events() is not None, modified.plain_events()) == (True, None)
        ours, theirs = plain.prepare(unmodified), looked_at.prepare(modified)
        assert shown(ours) == shown(theirs)
        if commits[number - 1]:
            plain.forget(Batch(number, [ours]))
            looked_at.forget(Batch(number, [theirs]))


@given(st.lists(_event, max_size=6))
def test_rows_and_ends_of_events_are_those_of_their_columns(texts: list[bytes]) -> None:
    found = split(body(b",".join(texts)))
    assert found is not None
    events: compiled.Events = found[0]
    columns: Any = events.columns()
    event_ids, times_us, fallbacks = columns
    assert events.fallbacks() == fallbacks == 0
    assert list(events.rows()) == encode_rows(event_ids, times_us, texts)
    assert events.ends() == PageTimes.of(event_ids, times_us).ends()


def test_a_page_with_a_doubt_is_looked_at() -> None:
    doubtful = page_of(b'{"id":"a"}', b'{"id":"\\u0062"}')
    assert doubtful.plain_events() is None
    assert Preparer().prepare(doubtful).rows.event_ids == ["a", "b"]
    found = split(body(b'{"id":"a"},{"id":""}'))
    assert found is not None
    assert found[0].fallbacks() == 1
    with pytest.raises(ValueError, match="needs the fallback"):
        found[0].rows()


def test_what_someone_has_had_in_hand_is_looked_at() -> None:
    page, other = page_of(b'{"id":"a"}'), page_of(b'{"id":"b"}')
    assert page.plain_events() is not None
    page.events[0].occurred_at_us = 7
    assert page.plain_events() is None
    assert [row.occurred_at_us for row in Preparer().prepare(page).rows] == [7]
    changes: list[tuple[str, Any]] = [("events", list(other.events)), ("rejected", []), ("rejected", other.rejected)]
    for name, value in changes:
        changed = page_of(b'{"id":"a"}')
        setattr(changed, name, value)
        assert changed.plain_events() is None


def test_rows_of_events_leave_nothing_behind_and_outlive_their_page() -> None:
    text = body(b",".join(b'{"id":"%d","timestamp":%d}' % (number, 10**12 + number) for number in range(50)))

    def often() -> None:
        for _ in range(200):
            found = split(text)
            assert found is not None
            rows = found[0].rows()
            found[0].ends()
            del found
            flight = compiled.InFlight()
            flight.add(rows)
            flight.held(rows)
            flight.remove(rows)
            joined = compiled.join([rows, rows.only([True, False] * 25)]).in_order()
            assert len(joined.part(3, 9).piece(0, 6, b"12")) == 6 * (2 + len(rows[10]))
            assert joined.event_ids()[:3] == ["0", "0", "1"]

    often()
    gc.collect()
    before = sys.getrefcount(text), sys.getrefcount(compiled.Rows), sys.getrefcount(compiled.InFlight)
    assert left_behind_bytes(often) < 20_000
    assert (sys.getrefcount(text), sys.getrefcount(compiled.Rows), sys.getrefcount(compiled.InFlight)) == before


def test_rows_are_joined_without_a_copy() -> None:
    rows = Rows.of_columns(["b", "a"], [None, None], [b"x" * 1_000_000, b"y" * 1_000_000])
    tracemalloc.start()
    try:
        joined = Rows.joined([rows, rows])
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert joined.event_ids == ["b", "a", "b", "a"]
