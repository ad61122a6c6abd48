"""What is said beside the events, by which name and in which place, where places agree and where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.errors import PageContradiction, PageUnreadable
from datasync_spider.records.page import Page
from tests.support.sources import EVENTS_STREAM, READ_WAYS, read_page
from tests.unit.records.pagetexts import compact

pytestmark = pytest.mark.usefixtures("each_way")

PLACES = ("pagination", "meta", "flat")
SPELLINGS = [("hasMore", "nextCursor"), ("has_more", "next_cursor")]
# Each name that a fact goes by, a value, and what it comes to.
NAMES: list[tuple[str, object, dict[str, object]]] = [
    ("hasMore", True, {"has_more": True, "next_cursor": "-"}),
    ("has_more", False, {}),
    ("nextCursor", "c", {"has_more": True, "next_cursor": "c"}),
    ("next_cursor", 7, {"has_more": True, "next_cursor": "7"}),
    ("cursorExpiresIn", 116, {"cursor_expires_in_seconds": 116.0}),
    ("cursor_expires_in", 0.5, {"cursor_expires_in_seconds": 0.5}),
    ("requestId", "r", {"request_id": "r"}),
    ("request_id", "r", {"request_id": "r"}),
    ("total", 9, {"total": 9}),
    ("returned", 1, {}),
]
NOTHING = {"has_more": False, "next_cursor": None, "total": None, "request_id": None, "cursor_expires_in_seconds": None}
# What makes a page of a fact that leaves open how it goes on, or that it goes on where.
COMPLETED = {"hasMore": {"nextCursor": "-"}, "nextCursor": {}, "next_cursor": {}, "has_more": {}}


def reported(**facts_by_place: Any) -> bytes:
    """A page of one event with these facts in these places."""
    return compact({"data": [1], **facts_by_place.pop("flat", {}), **facts_by_place})


def reason(body: bytes) -> str:
    with pytest.raises((PageUnreadable, PageContradiction)) as caught:
        read_page(body)
    return caught.value.reason


@pytest.mark.parametrize(("name", "value", "facts"), NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_each_fact_is_read_by_each_name_alone_in_each_place(
    place: str, name: str, value: object, facts: dict[str, object]
) -> None:
    others = COMPLETED.get(name, {"hasMore": False})
    # What completes the page stands in another place.
    elsewhere = "flat" if place != "flat" else "meta"
    page = read_page(reported(**{place: {name: value}, elsewhere: others}))
    assert {fact: getattr(page, fact) for fact in NOTHING} == {**NOTHING, **facts}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_returned_is_counted_in_each_place(place: str) -> None:
    assert reason(reported(**{place: {"hasMore": False, "returned": 2}})) == "returned_mismatch"


def test_every_name_of_the_envelope_is_one_of_these() -> None:
    stream = EVENTS_STREAM
    flags = [flag.path for flag in stream.end.flags]
    known = [*stream.next.paths, *flags, *stream.total, *stream.returned, *stream.request_id, *stream.cursor_seconds]
    assert {path.steps[-1] for path in known} == {name for name, _, _ in NAMES}
    assert {path.steps[:-1] for path in known} == {("pagination",), ("meta",), ()}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("has_more", "next_cursor"), SPELLINGS)
@pytest.mark.parametrize("events", ["data", "events"])
def test_all_ways_of_reading_find_them_in_each_place(place: str, has_more: str, next_cursor: str, events: str) -> None:
    facts = {has_more: True, next_cursor: "c", "total": 9, "requestId": "r", "cursorExpiresIn": 2, "returned": 1}
    body = compact({events: [1], **(facts if place == "flat" else {place: facts})})
    for read in READ_WAYS:
        page = read(body)
        assert (len(page.raw_events), page.has_more, page.next_cursor) == (1, True, "c")
        assert (page.total, page.request_id, page.cursor_expires_in_seconds) == (9, "r", 2.0)


@pytest.mark.parametrize("wrong", [2, -1, 0.5, "yes", "", " ", "null", [], [True], {}])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["hasMore", "has_more"])
def test_has_more_is_true_or_false_and_nothing_between_them(wrong: object, place: str, name: str) -> None:
    assert reason(reported(**{place: {name: wrong, "nextCursor": "c"}})) == "has_more_wrong_type"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((1, True), (1.0, True), ("1", True), ("true", True), ("True", True), (" TRUE ", True)),
        *((0, False), (0.0, False), ("0", False), ("false", False), ("False", False)),
    ],
)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["hasMore", "has_more"])
def test_has_more_may_be_written_as_other_languages_write_it(
    written: object, meant: bool, place: str, name: str
) -> None:
    assert read_page(reported(**{place: {name: written, "nextCursor": "c"}})).has_more is meant


def test_two_ways_to_write_has_more_still_contradict_each_other() -> None:
    assert (
        reason(reported(pagination={"hasMore": "false"}, flat={"hasMore": True, "nextCursor": "c"})) == "two_has_mores"
    )


@pytest.mark.parametrize("wrong", [2, "yes", []])
@pytest.mark.parametrize("right", [True, False])
def test_a_wrong_type_in_one_place_is_not_made_good_by_another(wrong: object, right: bool) -> None:
    for first, second in ((wrong, right), (right, wrong)):
        body = reported(pagination={"hasMore": first, "nextCursor": "c"}, flat={"hasMore": second})
        assert reason(body) == "has_more_wrong_type"


@pytest.mark.parametrize("places", [("pagination", "meta"), ("pagination", "flat"), ("meta", "flat")])
@pytest.mark.parametrize("first", [True, False])
def test_two_places_that_disagree_are_a_contradiction(places: tuple[str, str], first: bool) -> None:
    one, other = places
    assert reason(reported(**{one: {"hasMore": first, "nextCursor": "c"}, other: {"has_more": not first}})) == (
        "two_has_mores"
    )
    assert reason(reported(**{one: {"hasMore": True, "nextCursor": "c"}, other: {"next_cursor": "d"}})) == "two_cursors"


def test_two_spellings_in_one_place_that_disagree_are_a_contradiction() -> None:
    assert reason(reported(meta={"hasMore": True, "has_more": False, "nextCursor": "c"})) == "two_has_mores"
    assert reason(reported(meta={"hasMore": True, "nextCursor": "c", "next_cursor": "d"})) == "two_cursors"


def test_places_that_agree_are_no_contradiction() -> None:
    facts = {"hasMore": True, "nextCursor": "c", "has_more": True, "next_cursor": "c"}
    assert read_page(reported(pagination=facts, meta=facts, flat=facts)).next_cursor == "c"
    # A number and its text are one cursor.
    assert read_page(reported(pagination={"nextCursor": 7}, flat={"nextCursor": "7"})).next_cursor == "7"


@pytest.mark.parametrize("nothing", ["", None, False])
@pytest.mark.parametrize("empty", PLACES)
@pytest.mark.parametrize("full", PLACES)
def test_an_empty_cursor_says_nothing_beside_one(empty: str, full: str, nothing: str | bool | None) -> None:
    facts: dict[str, dict[str, Any]] = {empty: {"nextCursor": nothing}}
    facts.setdefault(full, {})["next_cursor"] = "c"
    assert read_page(reported(**facts)).next_cursor == "c"


def test_empty_cursors_alone_are_none() -> None:
    for nothing in ("", False):
        page = read_page(reported(pagination={"hasMore": False, "nextCursor": nothing}, flat={"nextCursor": nothing}))
        assert (page.has_more, page.next_cursor) == (False, None)


def reported_total(page: Page) -> tuple[int | None, str | None, float | None]:
    return page.total, page.request_id, page.cursor_expires_in_seconds


def test_what_merely_informs_is_taken_from_the_first_place_that_says_it_well() -> None:
    good = {
        place: {"hasMore": False, "total": number, "requestId": f"r{number}", "cursorExpiresIn": number}
        for number, place in enumerate(PLACES, 1)
    }
    odd = {"total": "many", "requestId": "", "cursorExpiresIn": -1}
    # Of totals the largest counts.
    assert reported_total(read_page(reported(**good))) == (3, "r1", 1.0)
    assert reported_total(read_page(reported(**{**good, "pagination": odd}))) == (3, "r2", 2.0)
    assert reported_total(read_page(reported(**{**good, "pagination": odd, "meta": odd}))) == (3, "r3", 3.0)


def test_a_count_that_does_not_match_is_noticed_where_it_is_reported_flat() -> None:
    assert reason(reported(flat={"hasMore": False, "returned": 2})) == "returned_mismatch"


@pytest.mark.parametrize("odd", [7, "x", [], [{"hasMore": True}], True])
def test_a_place_that_is_no_object_says_nothing(odd: Any) -> None:
    page = read_page(reported(pagination=odd, meta=odd, flat={"hasMore": False, "total": 9}))
    assert (page.has_more, page.total) == (False, 9)
