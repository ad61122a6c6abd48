"""Invariant of the compiled reading: what it takes, the code in Python takes too, and reads the same from it."""

from __future__ import annotations

from collections.abc import Callable

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.records.page import Page
from datasync_spider.records.recovery import PageSplitter
from datasync_spider.records.strictparser import StrictParser
from tests.support.scanning import split
from tests.support.sources import READER, read_page, read_page_in_python
from tests.unit.records.pagetexts import body

STRICT = StrictParser(READER.ids, READER.times)
SPLITTER = PageSplitter(READER.records)

Known = tuple[str, int | None]
"""Id, and time in microseconds."""


def columns_of(text: bytes) -> list[Known | None] | None:
    """What the compiled reading has of each event, None for those that need the fallback; None for a page it left."""
    found = split(text)
    if found is None:
        return None
    event_ids, times_us, fallbacks = found[0].columns()
    assert fallbacks == event_ids.count(None)
    return [None if id_ is None else (id_, time) for id_, time in zip(event_ids, times_us, strict=True)]


def known_of(event: bytes) -> Known | None:
    """The same for one event in a page of its own; None also where the page was left."""
    columns = columns_of(body(event))
    if columns is None:
        return None
    (known,) = columns
    return known


def outcome(read: Callable[[bytes], Page], text: bytes) -> object:
    try:
        page = read(text)
    except (PageUnreadable, PageContradiction) as error:
        return type(error), str(error)
    reported = (page.has_more, page.next_cursor, page.total, page.request_id, page.cursor_expires_in_seconds)
    return [bytes(raw) for raw in page.raw_events], *reported


def assert_agrees(text: bytes) -> list[Known | None] | None:
    """Holds one page to invariant. Returns what :func:`columns_of` does."""
    known = columns_of(text)
    found = split(text)
    if known is None or found is None:
        assert outcome(read_page, text) == outcome(read_page_in_python, text)
        return None
    events, start, end = found
    raw_events, rest = SPLITTER.split(text)
    assert raw_events is not None
    payloads = [bytes(raw) for raw in raw_events]
    assert list(events) == payloads
    assert text[:start] + b"[]" + text[end:] == rest
    assert outcome(read_page, text) == outcome(read_page_in_python, text)
    for payload, read in zip(payloads, known, strict=True):
        # What is known here and RecordRejected there fails the test with the reason.
        assert read is None or read == STRICT.parse_strictly(payload)
    return known
