"""Bodies of good pages for property tests, in every shape that is understood."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from datasync_spider.records.event import ParsedEvents
from tests.support.sources import read_page
from tests.unit.records.jsontexts import objects, storable_text, written

LIVE = (
    b'{"data":[{"id":"a"},{"id":"b"}],'
    b'"pagination":{"limit":5000,"hasMore":true,"nextCursor":"eyJ","cursorExpiresIn":116},'
    b'"meta":{"total":3000000,"returned":2,"requestId":"a8b7309c"}}'
)

_cursors = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@st.composite
def pages(draw: st.DrawFn) -> dict[str, Any]:
    """A page as a Python value."""
    events = draw(st.lists(objects(storable_text) | st.none() | st.integers(), max_size=4))
    has_more = draw(st.booleans())
    cursor = draw(_cursors) if has_more else None
    camel = draw(st.booleans())
    facts: dict[str, Any] = {"hasMore" if camel else "has_more": has_more}
    if cursor is not None or draw(st.booleans()):
        facts["nextCursor" if camel else "next_cursor"] = cursor
    page: dict[str, Any] = {draw(st.sampled_from(["data", "events"])): events}
    page |= {"pagination": facts} if draw(st.booleans()) else facts
    if draw(st.booleans()):
        page["meta"] = {"returned": len(events), "total": draw(st.integers(0, 10**9)), "requestId": "r-1"}
    if draw(st.booleans()):
        page["note"] = draw(objects(storable_text))
    return dict(draw(st.permutations(list(page.items()))))


def bodies() -> st.SearchStrategy[bytes]:
    return written(pages())


def body(events: bytes, rest: bytes = b'"hasMore":true,"nextCursor":"c"') -> bytes:
    """A page around the text of its data array's elements."""
    return b'{"data":[' + events + b"]," + rest + b"}"


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def parse_in_page(*events: bytes) -> ParsedEvents:
    """These as the events of a page, each of which it must keep as it is."""
    page = read_page(body(b",".join(events)))
    assert [bytes(raw) for raw in page.raw_events] == list(events)
    return page.parse()
