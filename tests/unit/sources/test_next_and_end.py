"""How pages follow each other and what makes one the last, as a file says it."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import End, EndFlag, Next
from tests.support.sourcetexts import REMOVED, changed, only_mistake
from tests.unit.sources.streams import issues, reported, stream


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"from": "body:m.next", "to": "query:cursor"}, {"paths": "m.next", "parameter": "cursor"}),
        ({"from": ["body:a", "body:b"], "to": "query:c"}, {"paths": "a b", "parameter": "c"}),
        ({"from": 'body:"@odata.nextLink"', "to": "url"}, {"paths": '"@odata.nextLink"', "to": "url"}),
        ({"from": "header:X-Next", "to": "query:c"}, {"source": "header", "name": "X-Next", "parameter": "c"}),
        ({"from": "header:X-Next", "to": "url"}, {"source": "header", "name": "X-Next", "to": "url"}),
        ({"from": "link:next", "to": "url"}, {"source": "link", "name": "next", "to": "url"}),
        ({"from": "body:a", "to": "url", "keep": "none"}, {"paths": "a", "to": "url"}),
        ({"from": "body:a", "to": "query:c", "keep": ["limit"]}, {"paths": "a", "parameter": "c", "keep": ("limit",)}),
        ({"from": "body:a", "to": "query:c", "keep": "none"}, {"paths": "a", "parameter": "c", "keep": ()}),
        ({"from": "body:a", "to": "query:c", "keep": "all"}, {"paths": "a", "parameter": "c", "keep": None}),
        ({"from": "body:a", "to": "query:c", "first": "*"}, {"paths": "a", "parameter": "c", "first": "*"}),
        ({"from": "body:a", "to": "query:c", "first": 0}, {"paths": "a", "parameter": "c", "first": 0}),
        ({"from": "body:a", "to": "header:X-C"}, {"paths": "a", "to": "header", "parameter": "X-C"}),
        ({"from": "last:a.id", "to": "query:c"}, {"source": "last", "paths": "a.id", "parameter": "c"}),
        ({"from": "object:a"}, {"source": "object", "paths": "a"}),
        ({"from": "object:a", "keep": "none"}, {"source": "object", "paths": "a", "keep": ()}),
    ],
)
def test_next_says_where_an_answer_has_what_follows_and_where_that_goes(written: Any, meant: dict[str, Any]) -> None:
    paths = tuple(parse_path(path) for path in meant.pop("paths", "").split())

    found = stream("next", written).next

    assert found == Next(**{"source": "body", "to": "query", "paths": paths, **meant})
    assert paginator(found).ask(None).url is None


def test_a_counter_counts_from_its_first_value_and_needs_a_page_size_that_the_api_is_asked_for() -> None:
    counter = {"from": "counter:offset", "to": "query:offset", "first": 7}

    assert stream("next", counter, end=["short"]).next == Next(
        source="counter", to="query", name="offset", parameter="offset", first=7
    )
    assert reported(
        "next", {**counter, "keep": []}, end=["empty"], query={"offset": "0", "n": "{page_size}"}
    ).startswith("next.to sets offset, which is a parameter of query, too")
    assert "next.from is counter:offset, and the API is not asked for a size of pages" in reported(
        "next", counter, end=["empty"], query={}
    )
    assert "next.from is counter:offset" in reported("next", counter, end=["empty"], query={}, page_size=REMOVED)
    assert reported("next", counter, end=["no-next"]).startswith("end is no-next alone, and a counter can always go on")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"from": "link:next", "to": "query:page"}, 'next.to is "query:page": a link is a URL; allowed: url'),
        ({"from": "counter:offset", "to": "url"}, 'next.to is "url": a counter is no URL; allowed: query:NAME'),
        ({"from": "body:a", "to": "url", "keep": "all"}, "next.keep does not go with url"),
        ({"from": "body:a", "to": "url", "keep": ["limit"]}, "next.keep does not go with url"),
        ({"from": "body:a", "to": "url", "first": 1}, "next.first does not go with url; allowed: no first"),
        ({"from": "body:a", "to": "query:c", "first": -1}, "next.first is -1: it is below 0; allowed: a text"),
        ({"from": "body:a", "to": "query:c", "first": True}, "next.first is true: it is neither"),
        ({"from": "body:a", "to": "query:c", "first": ""}, 'next.first is "": it is empty'),
        ({"from": "counter:page", "to": "query:p", "first": "*"}, 'next.first is "*": a counter counts'),
        ({"from": "body:a", "to": "header:X-A", "first": "ü"}, 'next.first is "ü": no header can carry it'),
        ({"from": "last:id", "to": "url"}, 'next.to is "url": a value of a record is no URL; allowed: query:NAME'),
        ({"from": ["last:a", "last:b"], "to": "query:c"}, "next.from is ["),
        ({"from": ["header:a", "header:b"], "to": "query:c"}, "next.from is ["),
        ({"from": ["body:a", "header:b"], "to": "query:c"}, "next.from is ["),
        ({"from": ["body:a", "body:b"], "to": ["query:c"]}, "next.to is a list of 1, and from names 2"),
        ({"from": ["body:a", "body:b"], "to": ["query:c", "url"]}, "next.to holds url, which goes with no other"),
        ({"from": ["body:a", "body:b"], "to": ["query:c", "query:c"]}, "next.to is ["),
        ({"from": ["body:a", "counter:page"], "to": ["query:c", "query:d"]}, "next.from holds counter, which goes"),
        ({"from": ["body:a", "body:b"], "to": ["query:c", "query:d"], "first": 0}, "next.first goes with one token"),
        ({"from": "object:a", "to": "query:c"}, "next.to does not go with from = object:…, which goes into the query"),
        ({"from": "object:a", "first": 0}, "next.first does not go with from = object:…"),
        ({"from": "python:a.b:C", "to": "query:c"}, "next.to does not go with from = python:…, which says by itself"),
        ({"from": "python:a.b:C", "keep": "all"}, "next.keep does not go with from = python:…"),
        ({"from": "python:a.b", "to": "query:c"}, 'next.from is "python:a.b": what follows the colon is none of these'),
        ({"from": "last:", "to": "query:c"}, 'next.from is "last:": it is empty'),
        ({"from": "body:a", "to": "header:Content-Length"}, "next.to is"),
        ({"from": "body:a", "to": "header:a b"}, "next.to is"),
        ({"from": "body:a", "to": "body:@"}, 'next.to is "body:@": it is the whole and no part of it'),
        ({"from": "body:a", "to": "body:c"}, "next.to leads into a body, and method is GET"),
        ({"from": "body:a", "to": "query:c", "keep": ["lmit"]}, "next.keep holds lmit, which is no parameter of query"),
        ({"from": "body:a", "to": "query:limit"}, "next.to sets limit, which is a parameter of query, too"),
        ({"from": "body:a", "to": "query:"}, 'next.to is "query:": what follows the colon is missing'),
        ({"from": "body:a", "to": "query:{since}"}, "next.to is"),
        ({"from": "body:@", "to": "query:c"}, 'next.from is "body:@": it is the whole and no part of it'),
        ({"from": "body:", "to": "query:c"}, 'next.from is "body:": it is empty'),
        ({"from": "boddy:a", "to": "query:c"}, 'next.from is "boddy:a": it is none of these (did you mean body:?)'),
        ({"from": [], "to": "query:c"}, "next.from is []: it is an empty list"),
        ({"from": ["body:a", "body:a"], "to": "query:c"}, "next.from is"),
        ({"from": ["body:a", "link:next"], "to": "query:c"}, "next.from is"),
        ({"from": "header:a b", "to": "query:c"}, "next.from is"),
        ({"from": "link:", "to": "url"}, 'next.from is "link:": what follows the colon is missing'),
        ({"from": "counter:pages", "to": "query:c"}, "next.from is"),
        ("link:next", 'next is "link:next": it is no table'),
    ],
)
def test_parts_of_next_that_do_not_go_together_are_refused(written: Any, place: str) -> None:
    # What a counter needs besides is not asked for where something else is wrong with it.
    assert reported("next", written, end=["no-next", "empty"]).startswith(place)


def test_a_parameter_of_query_may_be_the_first_value_of_what_follows() -> None:
    step = {"from": "body:a", "to": "query:cursor"}

    assert stream("next", step, query={"cursor": "*", "limit": "{page_size}"}).next.parameter == "cursor"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["no-next"], End(no_next=True)),
        (["empty", "short"], End(empty=True, short=True)),
        (["repeat"], End(repeat=True)),
        (["status:204", "status:404", "empty"], End(statuses=(204, 404), empty=True)),
        (["flag:a=false"], End(flags=(EndFlag(path=parse_path("a"), value=False),))),
        (["flag:a.b=3"], End(flags=(EndFlag(path=parse_path("a.b"), value=3),))),
        (['flag:a="3"'], End(flags=(EndFlag(path=parse_path("a"), value="3"),))),
        (["flag:a=null"], End(flags=(EndFlag(path=parse_path("a"), value=None),))),
        (["flag:a=all done=yes"], End(flags=(EndFlag(path=parse_path("a"), value="all done=yes"),))),
        (["flag:a=NaN"], End(flags=(EndFlag(path=parse_path("a"), value="NaN"),))),
        (['flag:"a=b".c=x'], End(flags=(EndFlag(path=parse_path('"a=b".c'), value="x"),))),
    ],
)
def test_a_flag_is_a_path_and_a_value_of_json_or_a_bare_text(written: list[str], meant: End) -> None:
    assert stream("end", written).end == meant


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "no-next",
        ["flag:a"],
        ["flag:=1"],
        ["flag:a="],
        ["flag:a=[1]"],
        ["empty", "empty"],
        ["nonext"],
        [1],
        ["flag:a=1", "flag:a=2"],
        ["status:200"],
        ["status:301"],
        ["status:401"],
        ["status:429"],
        ["status:500"],
        ["status:4"],
        ["status:"],
        ["repeated"],
    ],
)
def test_an_end_that_is_none_is_refused(wrong: Any) -> None:
    assert reported("end", wrong).startswith("end is ")


def test_short_needs_a_page_size_and_so_does_its_slot() -> None:
    assert reported("end", ["short"], page_size=REMOVED, query=REMOVED).startswith(
        "end holds short, and there is no page_size"
    )
    assert reported("page_size", REMOVED).startswith("query.limit holds {page_size}, and there is no page_size")


def test_several_tokens_go_together_each_to_its_place() -> None:
    two = {"from": ["header:x-a", "header:x-b"], "to": ["query:a", "query:b"], "keep": ["limit"]}

    assert stream("next", two).next == Next(
        source="header",
        to="query",
        name="x-a",
        parameter="a",
        keep=("limit",),
        beside=(Next(source="header", to="query", name="x-b", parameter="b"),),
    )


def test_tokens_go_into_a_body_where_there_is_one() -> None:
    body = {"json": {"size": "{page_size}", "queries": [{"kind": "all"}]}}
    token = {"from": "body:a", "to": "body:queries[0].after", "keep": ["size"]}

    assert stream("next", token, method="POST", body=body).next == Next(
        source="body",
        to="body",
        paths=(parse_path("a"),),
        path=parse_path("queries[0].after"),
        keep=("size",),
    )
    assert stream("next", {**token, "from": ["last:a", "last:b"]}, method="POST", body=body).next.paths == (
        parse_path("a"),
        parse_path("b"),
    )
    assert reported("next", {**token, "to": "body:queries[1].after"}, method="POST", body=body).startswith(
        "next.to holds body:queries[1].after: the body has no list with an element 1"
    )
    assert reported("next", {**token, "keep": ["limit"]}, method="POST", body=body).startswith(
        "next.keep holds limit, which is no member of body"
    )
    assert reported("next", {"from": "body:a", "to": "body:b.c"}, method="POST", body={"form": {"a": "b"}}).startswith(
        "next.to holds body:b.c: a form has fields and nothing within them"
    )
    assert reported("next", {"from": "body:a", "to": "body:b"}, method="POST", body={"json": [1]}).startswith(
        "next.to holds body:b: the body is a list"
    )


def test_what_a_first_page_is_asked_with_is_said_once() -> None:
    first = {"from": "body:a", "to": "query:cursor", "first": "*"}

    assert reported("next", first, query={"cursor": "*", "limit": "{page_size}"}).startswith(
        "next.first is what cursor begins with, and query says so, too"
    )


def test_pages_are_counted_without_a_size_and_end_where_something_says_so() -> None:
    pages = {"from": "counter:page", "to": "query:page"}

    found = stream("next", pages, end=["status:404"], query={}, page_size=REMOVED).next
    assert found == Next(source="counter", to="query", name="page", parameter="page")
    assert reported("next", pages, end=["repeat"]).startswith("end is repeat alone, and a counter can always go on")


@pytest.mark.parametrize(
    ("auth", "to"),
    [
        ({"type": "bearer", "token": "secret:T"}, "header:authorization"),
        ({"type": "headers", "headers": {"X-Key": "secret:T"}}, "header:x-key"),
        ({"type": "query", "query": {"key": "secret:T"}}, "query:key"),
        ({"type": "body", "body": {"auth.key": "secret:T"}}, "body:auth.key"),
    ],
)
def test_what_follows_does_not_go_where_the_credential_is(auth: dict[str, Any], to: str) -> None:
    values = changed(issues("next", {"from": "body:a", "to": to}, method="POST"), "source.auth", auth)

    assert only_mistake(values).startswith(
        f"[streams.issues] next.to sets {to.partition(':')[2]}, which auth sets, too"
    )
