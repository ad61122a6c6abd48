"""Cursors and offsets, where the conformance kit does not look; and which class does what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import ConfigurationError, PageUnreadable, PositionRefused
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paginators.link import UrlPaginator
from datasync_spider.sources.paginators.member import MemberPaginator
from datasync_spider.sources.paginators.merged import MergedPaginator
from datasync_spider.sources.paginators.offset import OffsetPaginator
from datasync_spider.sources.paginators.page import PagePaginator
from datasync_spider.sources.paginators.protocol import Ask
from datasync_spider.sources.paginators.several import SeveralPaginator
from datasync_spider.sources.paths import Path, parse_path
from datasync_spider.sources.spec import Next
from tests.unit.sources.pagingapis import answer

URL = "https://api.example.com/records"
PATHS = (parse_path("next"), parse_path("page[0].next"))
CURSOR = Next(source="body", to="query", paths=PATHS, parameter="after")
OFFSET = Next(source="counter", to="query", name="offset", parameter="offset")
LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("body", "position"),
    [
        ({}, None),
        ([], None),
        (None, None),
        ({"next": None, "page": [{"next": False}]}, None),
        ({"next": "", "page": [{"next": "a"}]}, "a"),
        ({"next": "a", "page": [{"next": "a"}]}, "a"),
        ({"next": 7, "page": [{"next": "7"}]}, "7"),
        ({"next": 0}, "0"),
        ({"next": " "}, " "),
        ({"next": "false"}, "false"),
        ({"next": 12345678901234567890123}, "12345678901234567890123"),
    ],
)
def test_a_cursor_is_the_text_that_the_places_agree_on(body: Any, position: str | None) -> None:
    assert CursorPaginator(CURSOR).following("x", answer(URL, body)) == position


def test_a_cursor_of_a_wrong_type_is_shown_and_a_long_one_cut() -> None:
    with pytest.raises(PageUnreadable) as caught:
        CursorPaginator(CURSOR).following(None, answer(URL, {"next": ["a" * 500]}))
    assert caught.value.reason == "cursor_wrong_type"
    assert len(str(caught.value)) < 150


def test_a_cursor_that_could_never_be_saved_is_refused() -> None:
    with pytest.raises(PageUnreadable) as caught:
        CursorPaginator(CURSOR).following(None, answer(URL, {"next": "a\0"}))
    assert caught.value.reason == "cursor_nul"


@pytest.mark.parametrize(("values", "position"), [(["a"], "a"), ([" a\t"], "a"), (["", "a"], "a"), ([""], None)])
def test_a_header_names_the_cursor(values: list[str], position: str | None) -> None:
    paginator = CursorPaginator(Next(source="header", to="query", name="X-After", parameter="after"))
    assert paginator.following(None, answer(URL, {"x-after": "b"}, {"x-after": values})) == position


def test_what_stays_beside_a_position_is_not_what_the_first_page_is_asked_with() -> None:
    for made in (CursorPaginator(Next(source="body", to="query", paths=PATHS, parameter="p", keep=("limit",))),):
        assert made.ask(None) == Ask()
        assert made.ask("a") == Ask(query=(("p", "a"),), keep=("limit",))


def test_an_offset_counts_the_records_that_came() -> None:
    offset = OffsetPaginator(OFFSET)
    assert offset.ask(None) == Ask(query=(("offset", "0"),))
    assert offset.following(None, answer(URL, records=7, page_size=10)) == "7"
    assert offset.following("7", answer(URL, records=3)) == "10"
    assert offset.following("7", answer(URL, records=0)) == "7"
    assert offset.ask("7") == Ask(query=(("offset", "7"),))


def test_an_offset_may_begin_elsewhere() -> None:
    offset = OffsetPaginator(Next(source="counter", to="query", name="offset", parameter="start", first=1))
    assert offset.ask(None) == Ask(query=(("start", "1"),))
    assert offset.following(None, answer(URL, records=7)) == "8"


@pytest.mark.parametrize("stored", ["", "a", "-1", "1.0", " 1", "٣", "1e3", str(LARGEST + 1), "9" * 100_000, "eyJ"])
def test_a_stored_position_that_is_no_offset_is_refused(stored: str) -> None:
    offset = OffsetPaginator(OFFSET)
    with pytest.raises(PositionRefused):
        offset.ask(stored)
    with pytest.raises(PositionRefused):
        offset.following(stored, answer(URL))


def test_an_offset_beyond_all_counters_is_refused() -> None:
    offset = OffsetPaginator(OFFSET)
    assert offset.ask(str(LARGEST)).query == (("offset", str(LARGEST)),)
    assert offset.following(str(LARGEST - 1), answer(URL, records=1)) == str(LARGEST)
    with pytest.raises(PositionRefused):
        offset.following(str(LARGEST), answer(URL, records=1))


@pytest.mark.parametrize(
    ("next_", "kind"),
    [
        (CURSOR, CursorPaginator),
        (Next(source="header", to="query", name="X-Next", parameter="p"), CursorPaginator),
        (Next(source="link", to="url", name="next"), UrlPaginator),
        (Next(source="body", to="url", paths=PATHS), UrlPaginator),
        (Next(source="body", to="url", paths=PATHS, keep=()), UrlPaginator),
        (Next(source="header", to="url", name="X-Next"), UrlPaginator),
        (OFFSET, OffsetPaginator),
        (Next(source="counter", to="body", name="offset", path=PATHS[0]), OffsetPaginator),
        (Next(source="counter", to="header", name="page", parameter="X-Page"), PagePaginator),
        (Next(source="last", to="query", paths=PATHS[:1], parameter="p"), CursorPaginator),
        (Next(source="body", to="header", paths=PATHS, parameter="X-Next", first="*"), CursorPaginator),
        (Next(source="last", to="body", paths=PATHS, path=PATHS[0]), MemberPaginator),
        (Next(source="header", to="body", name="X-Next", path=PATHS[0]), MemberPaginator),
        (Next(source="object", to="query", paths=PATHS, keep=()), MergedPaginator),
        (replace(CURSOR, keep=(), beside=(replace(CURSOR, parameter="q"),)), SeveralPaginator),
    ],
)
def test_each_way_of_paging_has_its_class(next_: Next, kind: type) -> None:
    assert type(paginator(next_, frozenset({"key"}))) is kind


def test_names_of_secrets_reach_the_class_that_needs_them() -> None:
    made = paginator(Next(source="body", to="url", paths=PATHS), frozenset({"key"}))
    assert made.following(None, answer(URL, {"next": "?key=S&page=2"})) == "/records?page=2"


@pytest.mark.parametrize(
    "next_",
    [
        Next(source="body", to="query", paths=PATHS),
        Next(source="body", to="query", parameter="p"),
        Next(source="body", to="url"),
        Next(source="header", to="query", parameter="p"),
        Next(source="link", to="url"),
        Next(source="link", to="query", name="next", parameter="p"),
        Next(source="link", to="url", name="next", keep=("limit",)),
        Next(source="counter", to="query", name="pages", parameter="page"),
        Next(source="counter", to="query", name="page", parameter="page", first="*"),
        Next(source="counter", to="url", name="offset"),
        Next(source="body", to="body", paths=PATHS),
        Next(source="body", to="body", paths=PATHS, path=Path()),
        Next(source="body", to="header", paths=PATHS),
        Next(source="body", to="url", paths=PATHS, first="*"),
        Next(source="last", to="query", parameter="p"),
        Next(source="last", to="query", paths=PATHS, parameter="p"),
        Next(source="last", to="url", paths=PATHS[:1]),
        Next(source="object", to="query"),
        Next(source="object", to="query", paths=PATHS, parameter="p"),
        Next(source="object", to="body", paths=PATHS, path=PATHS[0]),
        Next(source="object", to="query", paths=PATHS, first=0),
        Next(source="python", to="query", name="no place"),
        Next(source="python", to="query", name="a.b:C", keep=()),
        replace(CURSOR, beside=(Next(source="link", to="url", name="next"),)),
        replace(CURSOR, beside=(OFFSET,)),
        replace(CURSOR, beside=(Next(source="body", to="url", paths=PATHS),)),
        replace(CURSOR, first="*", beside=(CURSOR,)),
        replace(CURSOR, beside=(replace(CURSOR, parameter=""),)),
        Next(source="counter", to="query", name="offset"),
        Next(source="counter", to="query", name="offset", parameter="o", first=-1),
    ],
)
def test_what_no_class_does_is_refused_and_nothing_is_ignored(next_: Next) -> None:
    with pytest.raises(ConfigurationError, match="allowed are body, header and last to query, body or header"):
        paginator(next_)
