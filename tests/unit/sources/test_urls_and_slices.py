"""Where a stream's URL leads, which slots its texts hold, and what its slices are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sourcetexts import changed, only_mistake, plain, read
from tests.unit.sources.streams import reported, stream


@pytest.mark.parametrize(
    ("key", "text", "place"),
    [
        ("url", "/a/{since}", "url holds {since}; allowed: {since} in query and body only"),
        ("headers", {"X-After": "{until}"}, "headers.X-After holds {until}; allowed: {until} in query and body only"),
        ("query", {"a": "{sinze}"}, "query.a holds {sinze}; allowed: {page_size}, {since}, {until}"),
        ("query", {"a": "{slice.team}"}, "query.a holds {slice.team}; allowed: "),
        ("query", {"a": "{ since }"}, 'query.a is "{ since }": { since } is no slot'),
        ("query", {"a": "{since"}, 'query.a is "{since": {since is no slot'),
        ("query", {"a": "{}"}, 'query.a is "{}": {} is no slot'),
        ("url", "/a/{x", 'url is "/a/{x": {x is no slot'),
    ],
)
def test_a_slot_that_there_is_not_is_refused(key: str, text: Any, place: str) -> None:
    assert reported(key, text).startswith(place)


def test_braces_that_begin_no_name_are_a_text_as_any_other() -> None:
    assert stream("query", {"filter": '{"state": "open", "team": {"a": 1}}'}).query == (
        ("filter", '{"state": "open", "team": {"a": 1}}'),
    )


def test_a_query_is_a_table_or_pairs_of_texts_and_whole_numbers() -> None:
    assert stream("query", {"limit": 5, "a": ""}).query == (("limit", "5"), ("a", ""))
    assert stream("query", [["a", "1"], ["a", "2"]]).query == (("a", "1"), ("a", "2"))
    for wrong in ([["a"]], [["a", "b", "c"]], [[1, "b"]], "a=1", ["a"]):
        assert reported("query", wrong).startswith("query is ***: it is neither")
    assert reported("query", {"a": True}).startswith("query.a is true: it is no text")
    assert reported("query", [["a", "1"], ["a", ["2"]]]).startswith("query.a is ***: it is no text")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/a", "/a"),
        ("a/b", "/a/b"),
        ("", ""),
        ("?a=1", "?a=1"),
        ("https://api.example.com/x", "https://api.example.com/x"),
    ],
)
def test_a_url_follows_the_base_url_or_is_its_own(written: str, meant: str) -> None:
    assert stream("url", written).url == meant


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("//other.example.com/a", "begins with two slashes"),
        ("/a/../b", "a step of its path is . or .."),
        ("/a/%2e%2E/b", "a step of its path is . or .."),
        ("/a#b", "a fragment"),
        ("/a b", "characters that no URL has"),
        ("/ä", "characters that no URL has"),
        ("ftp://api.example.com/a", "its scheme"),
        ("https://u:hunter2@api.example.com/a", "it holds a user or a password"),
        ("https://other.example.com/a", "it leads to another host than base_url"),
        ("http://api.example.com/a", "it leads to another host than base_url"),
        ("/a?api_key=hunter2", "its query holds a credential"),
        ("/a?k=secret:KEY", "no secret travels in a URL"),
    ],
)
def test_a_url_that_leads_elsewhere_or_holds_a_secret_is_refused(wrong: str, why: str) -> None:
    text = reported("url", wrong)

    assert text.startswith("url ")
    assert why in text
    assert "hunter2" not in text


def test_a_url_of_its_own_may_lead_to_an_allowed_host() -> None:
    assert stream("url", "https://files.example.com:443/a").url == "https://files.example.com:443/a"


def slices(value: Any) -> str:
    return only_mistake(changed(plain(), "streams.issues.slices", value)).removeprefix("[streams.issues] ")


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ([], "slices is []: it is an empty list"),
        ({"team": "red"}, "slices is a table: it is no list of tables"),
        ([{"team": "red"}, {"team": "blue", "x": 1}], "slices[1] has other names than slices[0]"),
        ([{"team": "5"}, {"team": 5}], "slices[1] is the same as slices[0]"),
        ([{"team": True}], "slices[0].team is true"),
        ([{"team": ""}], 'slices[0].team is "": it is empty'),
        ([{"team": "x" * 1000}], "slices[0] is a table: it is longer than 1,000 bytes"),
        ([{"team": "a\0"}], "slices[0] is a table: a character that no database can hold"),
        ([{"team": "red", "a.b": "x"}], 'slices[0]."a.b" is "x": its name is no name of a slot'),
        ([{"team": "red"}, {"team": ".."}], "slices[1] does not fit into base_url of [source]: a step of its path"),
    ],
)
def test_slices_are_tables_of_one_shape_and_no_two_alike(wrong: Any, place: str) -> None:
    assert slices(wrong).startswith(place)


def test_a_slice_keeps_its_whole_numbers() -> None:
    found = read(changed(plain(), "streams.issues.slices", [{"team": 5}])).streams["issues"].slices

    assert found == ({"team": 5},)


def test_a_value_that_no_header_can_carry_is_found_when_the_file_is_read() -> None:
    made = changed(plain(), "source.base_url", "https://api.example.com")
    found = only_mistake(changed(made, "streams.issues.slices", [{"team": "a"}, {"team": "a\r\nX-B: c"}]))

    assert found.startswith("[streams.issues] slices[1] does not fit into headers.X-Team: no header can carry it")
