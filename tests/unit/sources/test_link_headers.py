"""Link headers as servers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_spider.errors import PageUnreadable
from datasync_spider.sources.linkheader import references

PAGE = "https://api.example.com/v1/records?page=1"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        ([""], []),
        (["</a>; rel=next"], ["/a"]),
        (['</a>; rel="next"'], ["/a"]),
        (["</a>;rel=next"], ["/a"]),
        (["</a> ; rel = next "], ["/a"]),
        (['</a>; REL="NEXT"'], ["/a"]),
        (['</a>; rel="last next"'], ["/a"]),
        (['</a>; rel="last\tnext first"'], ["/a"]),
        (['</a>; rel="nextish"'], []),
        (['</a>; rev="next"'], []),
        (['</a>; rel*="next"'], []),
        (["</a>"], []),
        (["</a>; rel=prev; rel=next"], []),
        (["</a>; rel=next; rel=prev"], ["/a"]),
        (['</a>; rel="prev", </b>; rel="next", </c>; rel="last"'], ["/b"]),
        (['</a>; rel="self"', '</b>; rel="next"'], ["/b"]),
        (['</a>; rel="next"', '</b>; rel="next"'], ["/a", "/b"]),
        (['</a?x=1,2;3&y="q">; rel=next'], ['/a?x=1,2;3&y="q"']),
        (['</z>; title="a, <b>; rel=\\"next\\""; rel=first, </a>; rel=next'], ["/a"]),
        (['</a>; title="it says \\"no, <c>; rel=next\\""; rel=next'], ["/a"]),
        (["</a>; title=some words; rel=next"], ["/a"]),
        (["</a>;; rel=next;"], ["/a"]),
        ([", , </a>; rel=next,,</b>; rel=last,"], ["/a"]),
        (["</a>; crossorigin; rel=next"], ["/a"]),
        (["<>; rel=next"], [""]),
        (['<https://h/a>;rel=next;results="true",<b>;rel=prev'], ["https://h/a"]),
        (['</a>; rel=next; anchor="/other"'], []),
        (['</a>; rel=next; anchor="#part"'], []),
        (['</a>; rel=next; anchor=""'], ["/a"]),
        (['</a>; rel=next; anchor="?page=1"'], ["/a"]),
        ([f'</a>; rel=next; anchor="{PAGE}"'], ["/a"]),
        (['</a>; rel=next; anchor="/other", </b>; rel=next'], ["/b"]),
        # Damaged, but what is wanted stands beside it.
        (['https://h/a; rel="next", </b>; rel=next'], ["/b"]),
        (['</a>; rel="next, </b>; rel=next'], ["/b"]),
        (["</a>; rel=next", "nonsense"], ["/a"]),
    ],
)
def test_the_references_of_a_relation_are_found(headers: list[str], found: list[str]) -> None:
    assert references(headers, "next", PAGE) == found


@pytest.mark.parametrize(
    "header",
    [
        "https://h/a; rel=next",
        '</a>; rel="next',
        "</a; rel=next",
        '</a>; rel=ne"xt"',
        "</a> rel=next",
        "nonsense",
        '</a>; rel="prev", nonsense; rel=next',
    ],
)
def test_a_header_that_cannot_be_read_does_not_say_that_nothing_follows(header: str) -> None:
    with pytest.raises(PageUnreadable) as caught:
        references([header], "next", PAGE)
    assert caught.value.reason == "link_unreadable"


@pytest.mark.parametrize("relation", ["next", "NEXT", "https://example.com/rel/Next"])
def test_relations_are_of_any_case(relation: str) -> None:
    assert references([f'</a>; rel="other {relation.upper()}"'], relation, PAGE) == ["/a"]


@given(st.lists(st.text('<>;,="\\ \tarelnxt/#', max_size=60), max_size=3))
def test_no_text_whatever_breaks_the_reading(headers: list[str]) -> None:
    try:
        references(headers, "next", PAGE)
    except PageUnreadable:
        return


@pytest.mark.parametrize("piece", [" ", "\t", ";", ",", ", ", "<", ">", "; a", '; a="', "\\", '"', "=", ",<"])
def test_long_headers_take_no_longer_than_they_are(piece: str) -> None:
    # With a pattern that gives back what it took, one of these would take hours.
    for start in ("</a>", '</a>; a="', "</a>; b"):
        try:
            references([start + piece * 200_000 + "!"], "last", PAGE)
        except PageUnreadable:
            continue
