"""Null where the events should stand is a page without any only where the page itself says that there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.errors import PageUnreadable
from datasync_spider.records.page import Page
from tests.support.sources import READ_WAYS, check_answer
from tests.unit.records.pagetexts import compact

LAST = {"hasMore": False, "nextCursor": None}
ODD: tuple[object, ...] = ({}, {"items": []}, "", 0, False)
MORE = {"hasMore": True, "nextCursor": "c"}

pytestmark = pytest.mark.parametrize("read", READ_WAYS)


@pytest.mark.parametrize("events", [{"data": None}, {"events": None}, {"data": None, "events": None}], ids=str)
@pytest.mark.parametrize("direction", [LAST, MORE], ids=["last", "middle"])
@pytest.mark.parametrize(
    "facts",
    [
        *({"returned": 0}, {"returned": 0.0}, {"returned": "0"}, {"returned": 0, "total": 30}, {"total": 0}),
        {"returned": 0, "total": 0},
    ],
    ids=str,
)
def test_null_is_an_empty_page_where_the_page_says_so(
    read: Callable[[bytes], Page], facts: dict[str, Any], direction: dict[str, Any], events: dict[str, Any]
) -> None:
    for body in (
        {**events, **direction, **facts},
        {**events, "pagination": direction, "meta": facts},
        {"meta": {**facts, **direction}, **events},
    ):
        page = read(compact(body))
        assert (list(page.raw_events), page.has_more) == ([], direction["hasMore"])
        assert page.next_cursor == direction["nextCursor"]


@pytest.mark.parametrize(
    "body",
    [
        {"data": None, **LAST},
        {"data": None, **MORE},
        {"events": None, **LAST},
        {"data": None, **LAST, "total": 30},
        {"data": None, **LAST, "returned": 5},
        {"data": None, **LAST, "returned": 5, "total": 0},
        {"data": None, **LAST, "returned": None},
        {"data": None, **LAST, "returned": "none"},
        {"data": None, **LAST, "total": 0, "meta": {"total": 30}},
        {**LAST, "returned": 0},
        {**LAST, "total": 0},
        {**LAST, "items": None, "returned": 0},
        *({"data": odd, **LAST, "returned": 0} for odd in ODD),
        {"data": {}, "events": None, **LAST, "returned": 0},
    ],
    ids=str,
)
def test_anything_else_that_is_no_array_is_no_page(read: Callable[[bytes], Page], body: dict[str, Any]) -> None:
    with pytest.raises(PageUnreadable, match="no_data_array"):
        read(compact(body))


def test_null_and_a_contradiction_is_no_page(read: Callable[[bytes], Page]) -> None:
    with pytest.raises(PageUnreadable, match="returned_mismatch"):
        read(compact({"data": None, **LAST, "returned": 0, "meta": {"returned": 5}}))


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_beside_events_is_no_empty_page(read: Callable[[bytes], Page], nothing: object) -> None:
    for body in ({"data": nothing, "events": [1, 2], **LAST}, {"events": nothing, "data": [1, 2], **LAST}):
        assert len(read(compact({**body, "returned": 2})).raw_events) == 2
        with pytest.raises(PageUnreadable, match="returned_mismatch"):
            read(compact({**body, "returned": 0}))


def test_the_report_says_what_is_missing(read: Callable[[bytes], Page]) -> None:
    with pytest.raises(PageUnreadable, match="null stands for the events, and nothing says that there are 0"):
        read(compact({"data": None, **LAST}))
    with pytest.raises(PageUnreadable, match="null stands for the events"):
        check_answer(200, {}, compact({"data": None, **LAST}))
