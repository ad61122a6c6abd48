"""Positions that are more than one text: types and digits go back as they came, and what no one has made is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import PageContradiction, PageUnreadable, PositionRefused
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Next
from tests.unit.sources.pagingapis import SortKeyApi, TwoHeadersApi, answer

URL = "https://api.example.com/records"
AFTER = parse_path("after")
LAST_ID = Next(source="last", to="query", paths=(parse_path("id"),), parameter="after")
IN_BODY = Next(source="body", to="body", paths=(parse_path("next"),), path=AFTER)
LAST_IN_BODY = Next(source="last", to="body", paths=(parse_path("a"), parse_path("b.c")), path=AFTER)
MERGED = Next(source="object", to="query", paths=(parse_path("continue"),))
PAGES = Next(source="counter", to="query", name="page", parameter="page")


def last(record: Any) -> Answer:
    return answer(URL, {}, last=record)


@pytest.mark.parametrize(
    ("value", "position"),
    [
        ("evt_1", "evt_1"),
        (12345678901234567890, "12345678901234567890"),
        (0, "0"),
        (Decimal("1700000000.10"), "1700000000.10"),
        ("[1]", "[1]"),
    ],
)
def test_a_member_of_the_last_record_is_sent_as_its_own_text(value: Any, position: str) -> None:
    made = paginator(LAST_ID)

    assert made.following("x", last({"id": value})) == position
    assert made.ask(position) == Ask(query=(("after", position),))


@pytest.mark.parametrize("record", [{}, {"id": None}, {"id": ""}, {"id": False}, {"id": True}, {"id": {}}, None, 5])
def test_a_last_record_without_what_is_wanted_is_an_error_and_no_end(record: Any) -> None:
    with pytest.raises(PageUnreadable) as caught:
        paginator(LAST_ID).following(None, last(record))
    assert caught.value.reason in {"last_record_without_cursor", "cursor_wrong_type"}


def test_behind_a_page_without_a_record_nothing_is_named() -> None:
    assert paginator(LAST_ID).following("x", answer(URL, {}, records=0)) is None
    assert paginator(LAST_IN_BODY).following("x", answer(URL, {}, records=0)) is None
    assert paginator(SortKeyApi.next_).following("x", answer(URL, {"pit_id": "p"}, records=0)) is None


@pytest.mark.parametrize(
    ("value", "position"),
    [
        ("abc", "abc"),
        ("100", "100"),
        (100, "[100]"),
        (12345678901234567890123, "[12345678901234567890123]"),
        ("[100]", '["[100]"]'),
        ([Decimal("1.10"), 12345678901234567890], "[[1.10,12345678901234567890]]"),
        ({"b": {"S": "x"}, "a": 1}, '[{"a":1,"b":{"S":"x"}}]'),
        ('{"a":1}', '{"a":1}'),
    ],
)
def test_a_value_for_a_body_keeps_its_type_and_its_digits(value: Any, position: str) -> None:
    made = paginator(IN_BODY)

    assert made.following(None, answer(URL, {"next": value})) == position
    assert made.ask(position) == Ask(body=((AFTER, value),))
    # Decimal("1.10") equals Decimal("1.1"), and they are not the same digits.
    assert sorted(repr(made.ask(position).body)) == sorted(repr(((AFTER, value),)))


def test_several_members_of_the_last_record_are_one_list_of_which_one_may_be_null() -> None:
    made = paginator(LAST_IN_BODY)

    position = made.following(None, last({"a": None, "b": {"c": Decimal("0.10")}}))

    assert position == "[[null,0.10]]"
    assert made.ask(position) == Ask(body=((AFTER, [None, Decimal("0.10")]),))
    with pytest.raises(PageUnreadable, match=r"last_record_without_cursor: it has no a and b\.c"):
        made.following(None, last({"a": 1, "b": {}}))


@pytest.mark.parametrize("stored", ["[", "[1", "[]", "[1,2]", "[1]x", "[NaN]", "[" * 100_000])
def test_a_stored_position_that_is_no_value_for_a_body_is_refused(stored: str) -> None:
    with pytest.raises(PositionRefused):
        paginator(IN_BODY).ask(stored)


def test_of_several_tokens_one_that_is_not_given_is_not_sent() -> None:
    made = paginator(TwoHeadersApi.next_)

    position = made.following(None, answer(URL, {}, {"x-next-partition": ["p"]}))

    assert position == '["p",null]'
    assert made.ask(position) == Ask(query=(("NextPartitionKey", "p"),))
    assert made.following(None, answer(URL, {}, {"x-next-row": [""]})) is None
    with pytest.raises(PageContradiction):
        made.following(None, answer(URL, {}, {"x-next-partition": ["p", "q"]}))


def test_a_sort_key_goes_with_a_token_that_may_be_missing() -> None:
    made = paginator(SortKeyApi.next_)
    record = {"sort": [Decimal("1.10"), 12345678901234567890]}

    position = made.following(None, answer(URL, {"pit_id": "p"}, last=record))
    alone = made.following(None, answer(URL, {}, last=record))

    assert (position, alone) == ('[[1.10,12345678901234567890],"p"]', "[[1.10,12345678901234567890],null]")
    assert made.ask(position).body == ((parse_path("search_after"), record["sort"]), (parse_path("pit.id"), "p"))
    assert made.ask(alone).body == ((parse_path("search_after"), record["sort"]),)


@pytest.mark.parametrize(
    "stored", ["", "p", "[]", '["p"]', '["p","r","s"]', "[null,null]", "[1,2]", '{"a":"b"}', '["p",', "[NaN,null]"]
)
def test_a_stored_position_of_other_tokens_is_refused(stored: str) -> None:
    with pytest.raises(PositionRefused):
        paginator(TwoHeadersApi.next_).ask(stored)


def test_an_object_is_merged_into_the_query_in_the_order_of_its_names() -> None:
    made = paginator(replace(MERGED, keep=("list",)))
    position = made.following(None, answer(URL, {"continue": {"rccontinue": "2|1", "continue": "-||", "n": 7}}))

    assert position == '{"continue":"-||","n":"7","rccontinue":"2|1"}'
    asks = (("continue", "-||"), ("n", "7"), ("rccontinue", "2|1"))
    assert made.ask(position) == Ask(query=asks, keep=("list",))
    empty: tuple[Any, ...] = ({}, {"continue": None}, {"continue": {}}, {"continue": []}, {"continue": False})
    for nothing in empty:
        assert made.following("x", answer(URL, nothing)) is None


@pytest.mark.parametrize("stored", ["", "a", "[]", "{}", '{"a":1}', '{"a":null}', '{"a"', '"a"', "5"])
def test_a_stored_position_that_is_no_object_of_texts_is_refused(stored: str) -> None:
    with pytest.raises(PositionRefused):
        paginator(MERGED).ask(stored)


def test_pages_are_counted_from_one_or_from_what_is_said() -> None:
    made, from_zero = paginator(PAGES), paginator(replace(PAGES, first=0, keep=()))

    assert made.ask(None) == Ask(query=(("page", "1"),))
    assert made.following(None, answer(URL, records=3)) == "2"
    assert made.following("2", answer(URL, records=0)) == "3"
    assert from_zero.ask(None) == Ask(query=(("page", "0"),))
    assert from_zero.ask("1") == Ask(query=(("page", "1"),), keep=())
    assert from_zero.following(None, answer(URL)) == "1"
    in_body = paginator(Next(source="counter", to="body", name="page", path=AFTER))
    assert in_body.ask("7") == Ask(body=((AFTER, 7),))


@pytest.mark.parametrize("stored", ["", "a", "-1", "1.0", "٣", "9" * 30])
def test_a_stored_position_that_is_no_number_of_a_page_is_refused(stored: str) -> None:
    for use in (paginator(PAGES).ask, lambda text: paginator(PAGES).following(text, answer(URL))):
        with pytest.raises(PositionRefused):
            use(stored)


@pytest.mark.parametrize("token", ["a\nX-Injected: 1", "ü", " a", "a\t"])
def test_a_token_that_would_be_another_header_is_refused_from_the_api_and_from_storage(token: str) -> None:
    made = paginator(Next(source="body", to="header", paths=(parse_path("next"),), parameter="X-Next"))

    with pytest.raises(PageUnreadable):
        made.following(None, answer(URL, {"next": token}))
    with pytest.raises(PositionRefused):
        made.ask(token)
    assert made.ask("a b") == Ask(headers=(("X-Next", "a b"),))


@pytest.mark.parametrize(
    ("next_", "asks"),
    [
        (Next(source="body", to="query", paths=(AFTER,), parameter="c", first="*"), Ask(query=(("c", "*"),))),
        (Next(source="body", to="query", paths=(AFTER,), parameter="c", first=0, keep=()), Ask(query=(("c", "0"),))),
        (Next(source="body", to="header", paths=(AFTER,), parameter="C", first="*"), Ask(headers=(("C", "*"),))),
        (replace(IN_BODY, first=0), Ask(body=((AFTER, 0),))),
        (replace(IN_BODY, first="*", keep=()), Ask(body=((AFTER, "*"),))),
    ],
)
def test_a_first_page_is_asked_with_what_is_said_and_with_all_of_the_streams_own(next_: Next, asks: Ask) -> None:
    assert paginator(next_).ask(None) == asks
    assert paginator(replace(next_, first=None)).ask(None) == Ask()
