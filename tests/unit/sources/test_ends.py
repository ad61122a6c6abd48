"""Where a stream ends: declared, said, and never guessed."""

from __future__ import annotations

import itertools
import json
import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import direction
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import End, EndFlag, Next
from tests.unit.sources.pagingapis import answer

URL = "https://api.example.com/events"


def datasync() -> tuple[Next, End]:
    """The rules of the file that is shipped, read by no code of ours."""
    file = files("datasync_spider.datasync") / "datasync.toml"
    stream = tomllib.loads(file.read_text())["streams"]["events"]
    paths = tuple(parse_path(text.removeprefix("body:")) for text in stream["next"]["from"])
    flags = tuple(
        EndFlag(path=parse_path(text.removeprefix("flag:").partition("=")[0]), value=False) for text in stream["end"]
    )
    assert all(text.startswith("flag:") and text.endswith("=false") for text in stream["end"])
    return Next(source="body", to="query", paths=paths, parameter="cursor"), End(flags=flags)


_NOWHERE = object()
_MORE: tuple[Any, ...] = (_NOWHERE, None, True, False, 1, 0, "1", " False ", 1.0, "yes", 2, [])
_CURSORS: tuple[Any, ...] = (_NOWHERE, None, False, "", "a", "1", 1, 0, True, ["a"], 1.5, "a\0")


def page(places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {"data": []}
    for place, members in places.items():
        there = {name: value for name, value in members.items() if value is not _NOWHERE}
        said.update(there if place == "" else {place: there})
    return said


def outcome(of: Any) -> Any:
    try:
        return of()
    except (PageContradiction, PageUnreadable) as error:
        return error.reason


def by_file(body: dict[str, Any]) -> Any:
    """What paginator and end of the shipped file make of it. Numbers are read as pages read them."""
    next_, end = datasync()
    given = answer(URL, json.loads(json.dumps(body), parse_float=Decimal), records=0)
    return outcome(lambda: direction(end, given, paginator(next_).following(None, given)))


def by_hand(mores: list[Any], cursors: list[Any]) -> set[Any]:
    """The rules of the events API, written out. More than one outcome: which mistake is named first is no rule."""
    said = [value for value in cursors if value not in (_NOWHERE, None, "") and value is not False]
    wrong = {"cursor_nul" for value in said if isinstance(value, str) and "\0" in value}
    wrong |= {"cursor_wrong_type" for value in said if type(value) not in (str, int)}
    texts = {str(value) for value in said}
    if not wrong and len(texts) > 1:
        wrong.add("two_cursors")
    words = {_TRUTHS.get(repr(value)) for value in mores if value is not _NOWHERE and value is not None}
    if None in words:
        wrong.add("has_more_wrong_type")
    elif len(words) == 2:
        wrong.add("two_has_mores")
    if wrong:
        return wrong
    if words == {False}:
        return {None}
    if texts:
        return texts
    return {"has_more_without_cursor" if words else "neither_has_more_nor_cursor"}


_TRUTHS = {
    "True": True,
    "1": True,
    "'1'": True,
    "1.0": True,
    "False": False,
    "0": False,
    "'0'": False,
    "' False '": False,
}


@pytest.mark.parametrize("place", ["", "pagination", "meta"])
@pytest.mark.parametrize("names", [("hasMore", "nextCursor"), ("has_more", "next_cursor")])
def test_one_place_of_an_events_page_leads_where_it_says(place: str, names: tuple[str, str]) -> None:
    for more, cursor in itertools.product(_MORE, _CURSORS):
        found = by_file(page({place: {names[0]: more, names[1]: cursor}}))
        assert found in by_hand([more], [cursor]), (more, cursor)


def test_two_places_of_an_events_page_lead_where_both_say() -> None:
    for more, other_more in itertools.product((_NOWHERE, None, True, False, "0"), repeat=2):
        for cursor, other in itertools.product((_NOWHERE, None, "", "a", "b", 1), repeat=2):
            camel, snake = {"hasMore": more, "nextCursor": cursor}, {"has_more": other_more, "next_cursor": other}
            for places in ({"pagination": camel, "": snake}, {"meta": snake, "pagination": camel}, {"": camel | snake}):
                assert by_file(page(places)) in by_hand([more, other_more], [cursor, other]), places


def flag(path: str, value: Any) -> EndFlag:
    return EndFlag(path=parse_path(path), value=value)


@pytest.mark.parametrize(
    ("end", "body", "records", "following", "goes_to"),
    [
        (End(no_next=True), {}, 0, None, None),
        (End(no_next=True), {}, 0, "a", "a"),
        (End(empty=True), {}, 0, "a", None),
        (End(empty=True), {}, 0, None, None),
        (End(empty=True), {}, 1, "a", "a"),
        (End(short=True), {}, 4, "a", None),
        (End(short=True), {}, 5, "a", "a"),
        (End(short=True, no_next=True), {}, 5, None, None),
        # An API that gives fewer than it was asked for, and says that more follow.
        (End(short=True, no_next=True), {}, 4, "a", "a"),
        (End(short=True, no_next=True), {}, 4, None, None),
        (End(short=True, no_next=True), {}, 0, "a", None),
        (End(flags=(flag("end", True),)), {"end": True}, 5, "a", None),
        (End(flags=(flag("end", True),)), {"end": "false"}, 0, "a", "a"),
        (End(flags=(flag("state", "done"),)), {"state": "done"}, 5, "a", None),
        (End(flags=(flag("state", "done"),)), {"state": "more"}, 5, "a", "a"),
        (End(flags=(flag("state", "done"),), no_next=True), {"state": None}, 5, None, None),
        (End(flags=(flag("left", 0),)), {"left": 0}, 5, "a", None),
        (End(flags=(flag("left", 0),)), {"left": Decimal("0.0")}, 5, "a", None),
        (End(flags=(flag("left", 0),)), {"left": False}, 5, "a", "a"),
        (End(flags=(flag("left", 1),)), {"left": True}, 5, "a", "a"),
        (End(flags=(flag("next", None),)), {"next": None}, 5, "a", None),
        (End(flags=(flag("next", None),)), {"next": "x"}, 5, "a", "a"),
        (End(flags=(flag("next", None),), no_next=True), {}, 5, None, None),
        # A plain word wins over what the number of records hints.
        (End(flags=(flag("more", False),), empty=True, short=True), {"more": True}, 0, "a", "a"),
        (End(flags=(flag("more", False),), empty=True), {}, 0, "a", None),
    ],
)
def test_a_page_is_the_last_where_its_stream_says_what_makes_it_so(
    end: End, body: Any, records: int, following: str | None, goes_to: str | None
) -> None:
    assert direction(end, answer(URL, body, records=records, page_size=5), following) == goes_to


@pytest.mark.parametrize(
    ("end", "body", "following", "reason"),
    [
        (End(empty=True), {}, None, "neither_has_more_nor_cursor"),
        (End(short=True), {}, None, "neither_has_more_nor_cursor"),
        (End(flags=(flag("more", False),)), {}, None, "neither_has_more_nor_cursor"),
        (End(flags=(flag("more", False),), no_next=True), {"more": True}, None, "has_more_without_cursor"),
        (End(flags=(flag("more", False),), empty=True), {"more": True}, None, "has_more_without_cursor"),
        (End(flags=(flag("a", False), flag("b", True))), {"a": True, "b": True}, "x", "two_has_mores"),
        (End(flags=(flag("a", "x"), flag("b", False))), {"a": "x", "b": True}, "x", "two_has_mores"),
    ],
)
def test_a_page_that_denies_itself_or_leaves_it_open_is_no_end(
    end: End, body: Any, following: str | None, reason: str
) -> None:
    with pytest.raises(PageContradiction) as caught:
        direction(end, answer(URL, body, records=5, page_size=5), following)
    assert caught.value.reason == reason


def test_an_answer_whose_stream_has_no_page_size_is_not_short() -> None:
    assert direction(End(short=True), answer(URL, {}, records=1, page_size=None), "a") == "a"


@pytest.mark.parametrize(
    ("end", "body", "following", "asked", "goes_to"),
    [
        (End(repeat=True), {}, "a", "a", None),
        (End(repeat=True), {}, "b", "a", "b"),
        (End(repeat=True), {}, "a", None, "a"),
        (End(repeat=True), {}, "*", "*", None),
        (End(no_next=True), {}, "a", "a", "a"),
        (End(repeat=True, no_next=True), {}, None, None, None),
        # A plain word wins: what repeats then is no end, but a circle.
        (End(repeat=True, flags=(flag("more", False),)), {"more": True}, "a", "a", "a"),
    ],
)
def test_the_token_that_was_asked_for_is_the_end_where_that_is_declared(
    end: End, body: Any, following: str | None, asked: str | None, goes_to: str | None
) -> None:
    assert direction(end, answer(URL, body), following, asked) == goes_to


def test_an_api_that_repeats_its_last_token_and_gives_none_has_not_ended() -> None:
    with pytest.raises(PageContradiction, match="neither_has_more_nor_cursor"):
        direction(End(repeat=True), answer(URL, {}), None, "a")
