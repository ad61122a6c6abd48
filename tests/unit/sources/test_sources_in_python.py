"""A source made in Python is what a file with the same content would be, and is refused for what a file is refused."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import SourceRefused
from datasync_spider.plugin import (
    BasicAuth,
    End,
    EndFlag,
    HeadersAuth,
    Incremental,
    Next,
    PageSize,
    QueryAuth,
    Source,
    Stream,
    parse_path,
)
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.inpython import checked
from tests.support.sourcetexts import changed, plain, read, without_slices
from tests.unit.docs.pages import DOCS
from tests.unit.docs.pages import read as read_page

STREAM = Stream(
    name="posts",
    url="/posts",
    query=(("limit", "{page_size}"),),
    page_size=PageSize(default=10, most=10),
    records=(parse_path("@"),),
    id=(parse_path("id"),),
    order="newest-first",
    next=Next(source="link", to="url", name="next"),
    end=End(no_next=True),
)
SOURCE = Source(name="blog", base_url="https://blog.example.com", streams={"posts": STREAM})
ODD = '"a=b"."map:c"."d.e"."f g"."h\\\\i"[0]."@x"'


def posted(body: Any, to: str) -> dict[str, Any]:
    values = changed(plain(), "streams.issues.next", {"from": ["last:a", "last:b"], "to": to, "keep": "none"})
    if "form" in body:
        values = changed(values, "streams.issues.next.from", "last:a")
    return changed(changed(values, "streams.issues.method", "PUT"), "streams.issues.body", body)


def mistakes(source: Source) -> tuple[str, ...]:
    with pytest.raises(SourceRefused) as caught:
        checked(source, "source blog")
    return caught.value.mistakes


@pytest.mark.parametrize(
    "values",
    [
        plain(),
        without_slices(),
        changed(plain(), "source.auth", {"type": "basic", "user": "me", "password": "secret:P"}),
        changed(plain(), "source.auth", {"type": "query", "query": {"key": "secret:K"}}),
        changed(plain(), "source.auth", {"type": "headers", "headers": {"X-Own": "Bot secret:T_{slice.team}"}}),
        changed(plain(), "source.auth", {"type": "none"}),
        changed(plain(), "streams.issues.next", {"from": ["body:a", f"body:{ODD}"], "to": "query:c", "keep": "none"}),
        changed(plain(), "streams.issues.next", {"from": "header:X-Next", "to": "query:c", "keep": ["limit"]}),
        changed(plain(), "streams.issues.next", {"from": "link:next", "to": "url"}),
        changed(plain(), "streams.issues.next", {"from": "counter:offset", "to": "query:o", "first": 1}),
        changed(plain(), "streams.issues.end", ["empty", "short", f"flag:{ODD}=null", 'flag:b="false"', "flag:c=1"]),
        changed(plain(), "streams.issues.next", {"from": "body:a", "to": "header:X-A", "first": "*"}),
        changed(plain(), "streams.issues.next", {"from": "counter:page", "to": "query:o", "first": 0}),
        changed(plain(), "streams.issues.next", {"from": f"last:{ODD}", "to": "query:o"}),
        changed(plain(), "streams.issues.next", {"from": "object:a.b", "keep": "none"}),
        changed(plain(), "streams.issues.next", {"from": "python:a.b:C"}),
        changed(plain(), "streams.issues.next", {"from": ["body:a", "header:B"], "to": ["query:a", "header:b"]}),
        posted({"json": {"a": ["{page_size}", 1, 1.5, True, {"b": "ü"}]}}, f"body:{ODD.replace('[0]', '')}"),
        posted({"json": [{"a": 1}]}, "body:[0].b"),
        posted({"form": [["a", "1"], ["a", "2"]]}, 'body:"page[after]"'),
        changed(plain(), "streams.issues.end", ["repeat", "status:204", "status:404", "no-next"]),
        changed(plain(), "streams.issues.id", [ODD, "b"]),
        changed(plain(), "source.timeout", "1.5m"),
        changed(plain(), "source.retries", 0),
        changed(plain(), "streams.issues.timeout", 0.25),
        changed(plain(), "streams.issues.retries", 9),
        changed(plain(), "source.budget", {"concurrency": 2, "reset": "X-R", "unit": "iso", "body_wait": ODD}),
        changed(plain(), "source.meanings", [{"status": 429, "path": ODD, "substring": "a", "means": "end"}]),
        changed(plain(), "streams.issues.incremental", {"type": "conditional"}),
        changed(plain(), "streams.issues.incremental", {"type": "known", "conditional": True}),
        changed(plain(), "streams.issues.incremental", {"type": "since", "overlap": "1m", "lag": 5}),
        changed(plain(), "streams.issues.incremental", {"type": "since", "param": "from", "start": "2024-01-01"}),
        changed(plain(), "streams.issues.incremental", {"type": "since", "param": "from", "inclusive": False}),
        changed(plain(), "streams.issues.query", [["limit", "{page_size}"], ["tag", "a"], ["tag", "b"]]),
    ],
)
def test_what_a_file_gives_comes_out_as_it_is(values: dict[str, Any]) -> None:
    source = read(values)

    assert checked(source, "again") == source


def test_the_sources_of_the_documentation_come_out_as_they_are() -> None:
    blocks = [block for block in read_page(DOCS / "sources" / "add-a-source.md").blocks if block.language == "toml"]
    for block in blocks:
        source = read_source("\n".join(block.lines), "documented.toml")
        assert checked(source, "again") == source
    assert len(blocks) > 2


def test_a_good_one_is_taken() -> None:
    assert checked(SOURCE, "source blog") == SOURCE


def test_all_mistakes_are_reported_at_once_each_with_its_place() -> None:
    stream = replace(
        STREAM,
        order="newest",
        page_size=None,
        end=End(short=True),
        incremental=Incremental(type="known"),
        keep_history=True,
        headers={"User-Agent": "me"},
    )
    wrong = replace(SOURCE, name="datasync", base_url="ftp://blog.example.com", streams={"news": stream})

    found = mistakes(wrong)

    assert all(text.startswith("source blog: [") for text in found)
    for place in (
        '[streams.news] is a stream whose name is "posts"',
        '[streams.news] order is "newest"',
        "[streams.news] headers.User-Agent",
        "[streams.news] query.limit holds {page_size}",
        "[streams.news] end holds short",
        "[streams.news] history",
        '[source] name is "datasync"',
        "[source] base_url is",
    ):
        assert any(place in text for text in found), (place, found)


@pytest.mark.parametrize(
    "auth",
    [
        HeadersAuth(headers={"Authorization": "Bearer hunter2"}),
        BasicAuth(user="me", password="hunter2"),
        QueryAuth(query={"key": "hunter2"}),
    ],
)
def test_a_secret_in_the_source_itself_is_refused_and_not_shown(auth: Any) -> None:
    (found,) = mistakes(replace(SOURCE, auth=auth))

    assert "a secret itself belongs into no file" in found
    assert "hunter2" not in found


@pytest.mark.parametrize("part", [{"next": None}, {"end": ["no-next"]}, {"incremental": "known"}])
def test_what_is_made_of_other_things_is_refused(part: dict[str, Any]) -> None:
    (found,) = mistakes(replace(SOURCE, streams={"posts": replace(STREAM, **part)}))

    assert "is not made of the classes of datasync_spider.plugin" in found


def test_a_flag_is_the_same_in_both_ways() -> None:
    flag = EndFlag(path=parse_path("meta.more"), value=False)
    made = replace(SOURCE, streams={"posts": replace(STREAM, end=End(flags=(flag,)))})

    assert checked(made, "source blog").streams["posts"].end.flags == (flag,)
