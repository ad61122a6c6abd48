"""A stream that goes on from a position is the one that it was: where its positions lead is part of what it is."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sync.plan import fingerprint
from tests.support.sourcetexts import REMOVED
from tests.unit.sources.streams import stream

POSTED = {"method": "POST", "body": {"json": {"size": 5}}}


def leads(next_: Any, **more: Any) -> str:
    return fingerprint(stream("next", next_, **{"end": ["empty"], **more}))["next"]


@pytest.mark.parametrize(
    ("next_", "more", "leads_"),
    [
        ({"from": ["body:a", "body:b"], "to": "query:c"}, {}, "body to query:c"),
        ({"from": "link:next", "to": "url"}, {}, "link:next to url"),
        ({"from": "counter:offset", "to": "query:o"}, {}, "counter:offset to query:o"),
        ({"from": "last:a.id", "to": "header:X-A"}, {}, "last:a.id to header:X-A"),
        ({"from": ["last:a", "last:b"], "to": "body:x.y"}, POSTED, "last:a,b to body:x.y"),
        ({"from": "object:continue"}, {}, "object to query"),
        ({"from": "python:a.b:C"}, {}, "python:a.b:C to query"),
        (
            {"from": ["header:a", "body:b"], "to": ["query:a", "header:b"]},
            {},
            "header:a to query:a and body to header:b",
        ),
        ({"from": "counter:page", "to": "query:p"}, {}, "counter:page of 50 to query:p"),
        ({"from": "counter:page", "to": "query:p"}, {"query": {}, "page_size": REMOVED}, "counter:page to query:p"),
    ],
)
def test_a_stream_is_known_by_what_its_positions_mean(next_: Any, more: dict[str, Any], leads_: str) -> None:
    assert leads(next_, **more) == leads_


def test_a_number_of_a_page_means_another_page_where_pages_have_another_size() -> None:
    pages, offsets = {"from": "counter:page", "to": "query:p"}, {"from": "counter:offset", "to": "query:p"}

    assert leads(pages, page_size=10) != leads(pages, page_size=20)
    assert leads(offsets, page_size=10) == leads(offsets, page_size=20)
