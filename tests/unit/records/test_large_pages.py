"""Pages whose events are looked at in several parts: what one part holds makes no difference to another."""

from __future__ import annotations

import json
import sys

import pytest

from datasync_spider.items import EventPage
from datasync_spider.records.fastpath import FastPath
from datasync_spider.storage.prepare import Preparer
from tests.support.sources import READER, read_page
from tests.unit.records.pagetexts import body

pytestmark = pytest.mark.usefixtures("each_way")

EVENTS = 1_203
LOOK = FastPath(READER.ids, READER.times)
# Around the borders of parts of 500.
PLACES = [0, 499, 500, 999, 1_000, 1_202]


def texts() -> list[bytes]:
    return [b'{"id":"%04d","timestamp":%d}' % (number, 1769541612369 - number) for number in range(EVENTS)]


def item(events: list[bytes]) -> EventPage:
    answered = read_page(body(b",".join(events)))
    return EventPage(1, 1, None, None, len(events), answered, answered)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, EVENTS])
def test_every_event_of_a_page_of_any_length_is_read(count: int) -> None:
    parsed = read_page(body(b",".join(texts()[:count]))).parse()
    assert [event.payload for event in parsed.events] == texts()[:count]
    assert parsed.event_ids == [f"{number:04}" for number in range(count)]
    assert parsed.times_us == [(1769541612369 - number) * 1_000 for number in range(count)]


@pytest.mark.parametrize("place", PLACES)
def test_a_bad_event_is_rejected_at_its_place_and_costs_no_other(place: int) -> None:
    events = texts()
    events[place] = b'{"id":null}'
    parsed = read_page(body(b",".join(events))).parse()
    assert [(event.position, event.raw) for event in parsed.rejected] == [(place, b'{"id":null}')]
    del events[place]
    assert [event.payload for event in parsed.events] == events


@pytest.mark.parametrize("place", PLACES[1:])
def test_an_id_that_comes_again_in_another_part_is_written_once(place: int) -> None:
    events = texts()
    events[place] = b'{"id":"0000","other":true}'
    prepared = Preparer().prepare(item(events))
    assert (len(prepared.rows), prepared.counts.duplicates) == (EVENTS - 1, 1)
    assert [variant.payload for variant in prepared.versions] == [events[place]]


@pytest.mark.parametrize("place", PLACES)
def test_an_event_without_a_time_among_many_is_stored_without_one(place: int) -> None:
    events = texts()
    events[place] = b'{"id":"%04d"}' % place
    prepared = Preparer().prepare(item(events))
    assert [row.event_id for row in prepared.rows if row.occurred_at_us is None] == [f"{place:04}"]
    assert not prepared.in_order
    assert prepared.newest is not None
    assert prepared.newest[1] == ("0001" if place == 0 else "0000")


@pytest.mark.parametrize("place", PLACES)
def test_an_id_of_another_length_or_kind_is_kept_as_it_is(place: int) -> None:
    for id_ in ["a", "é" * 4, "x" * 999, 7]:
        events = texts()
        events[place] = json.dumps({"id": id_}, ensure_ascii=False).encode()
        rows = Preparer().prepare(item(events)).rows
        assert len(rows) == EVENTS
        assert (rows[place].event_id, rows[place].payload) == (str(id_), events[place])


def test_rows_do_not_keep_the_body_in_memory() -> None:
    text = body(b",".join(texts()))
    before = sys.getrefcount(text)
    page = read_page(text)
    prepared = Preparer().prepare(EventPage(1, 1, None, None, EVENTS, page, page))
    assert sys.getrefcount(text) > before
    del page
    assert (sys.getrefcount(text), len(prepared.rows)) == (before, EVENTS)


def test_a_nul_is_found_behind_however_many_backslashes() -> None:
    for backslashes in [1, 298, 299, 300, 301, 1_000]:
        plain = b'{"id":"a","x":"' + b"\\n" * backslashes + b'"}'
        assert LOOK.at_all([plain, b'{"id":"b"}']) is not None
        assert LOOK.at_all([plain, b'{"id":"b","x":"\\u0000"}']) is None


def test_broken_utf_8_is_found_wherever_it_is_in_a_long_text() -> None:
    filler = b'{"id":"a","x":"' + "é".encode() * 3_000 + b'","y":"' + b"y" * 9_000 + b'"}'
    for broken in [b"\xff", b"\xc3", b"\xed\xa0\x80"]:
        odd = b'{"id":"b","x":"' + broken + b'"}'
        assert LOOK.at_all([filler] * 4) is not None
        for place in range(4):
            assert LOOK.at_all([odd if place == number else filler for number in range(4)]) is None
