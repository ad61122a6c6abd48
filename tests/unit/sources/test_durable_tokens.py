"""Where a stream has its durable token: read from a file, found in an answer, and asked with."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.inpython import checked
from datasync_spider.sources.paginators.choose import stream_paginator
from datasync_spider.sources.spec import Stream
from tests.support.resumable import PAGING, log_source
from tests.support.sourcetexts import mistakes
from tests.unit.sources.streams import issues

URL = "https://log.example.com/changes"
RESUME = {"incremental": {"type": "resume"}, "order": "none"}


def made(kind: str, **changes: str) -> Stream:
    text = log_source(kind, "https://log.example.com")
    for old, new in changes.items():
        text = text.replace(PAGING[kind], PAGING[kind].replace(old, new))
    return read_source(text, "log.toml").streams["changes"]


def tail_of(stream: Stream, body: bytes, position: str | None, **headers: str) -> str | None:
    reader = PageReader(stream, stream_paginator(stream))
    page = reader.read(body, {name: [value] for name, value in headers.items()}, Asked(URL, position, None))
    assert not page.has_more
    return page.tail


@pytest.mark.parametrize("kind", sorted(PAGING))
def test_a_source_with_a_durable_token_is_the_same_in_python(kind: str) -> None:
    source = read_source(log_source(kind, "https://log.example.com"), "log.toml")
    assert checked(source, "source log") == source
    assert source.streams["changes"].end.resumable


@pytest.mark.parametrize(
    ("kind", "body", "position", "headers", "tail"),
    [
        ("zendesk", b'{"value":[],"after_cursor":"t9","end_of_stream":true}', "t7", {}, "t9"),
        ("matrix", b'{"value":[{"id":"a"}]}', "t7", {}, "t7"),
        ("matrix", b'{"value":[{"id":"a"}]}', None, {}, None),
        ("okta", b'{"value":[]}', "/changes?after=t7", {"link": '</changes?after=t7>;rel=next'}, "/changes?after=t7"),
        ("graph", b'{"value":[],"@odata.deltaLink":"https://log.example.com/changes?d=9"}', "/c", {}, "/changes?d=9"),
        ("graph", b'{"value":[]}', "/c?s=1", {}, None),
        ("google", b'{"value":[],"nextSyncToken":"t9"}', '{"next":"p2","tail":"t7"}', {}, '{"tail":"t9"}'),
        ("google", b'{"value":[]}', '{"tail":"t7"}', {}, None),
    ],
)  # fmt: skip
def test_the_durable_token_of_a_last_page(
    kind: str, body: bytes, position: str | None, headers: dict[str, str], tail: str | None
) -> None:
    assert tail_of(made(kind), body, position, **headers) == tail


def test_a_header_has_it_too() -> None:
    text = log_source("matrix", "https://log.example.com", 'tail = "header:X-Sync"\n')
    stream = read_source(text, "log.toml").streams["changes"]
    assert tail_of(stream, b'{"value":[]}', "t7", **{"x-sync": "t9"}) == "t9"


def test_a_page_that_is_not_the_last_has_no_durable_token() -> None:
    stream = made("matrix")
    page = PageReader(stream, stream_paginator(stream)).read(b'{"value":[],"end":"t9"}', {}, Asked(URL, "t7", None))
    assert (page.next_cursor, page.tail) == ("t9", None)


@pytest.mark.parametrize(
    ("keep", "asked"),
    [
        ("", [("pageToken", "p2"), ("syncToken", "t7")]),
        (', keep = ["show", "syncToken"]', [("pageToken", "p2"), ("syncToken", "t7")]),
        (', keep = ["show"]', [("pageToken", "p2")]),
        (', keep = "none"', [("pageToken", "p2")]),
    ],
)
def test_a_token_with_a_parameter_of_its_own_stays_beside_the_pages_where_keep_says_so(
    keep: str, asked: list[tuple[str, str]]
) -> None:
    way = stream_paginator(made("google", **{'"query:pageToken"': f'"query:pageToken"{keep}'}))
    assert list(way.ask('{"tail":"t7"}').query) == [("syncToken", "t7")]
    assert list(way.ask('{"next":"p2","tail":"t7"}').query) == asked
    assert list(way.ask('{"next":"p2"}').query) == [("pageToken", "p2")]


@pytest.mark.parametrize("position", ["p2", "[]", "{}", '{"tail":7}', '{"tail":"a","more":"b"}', "{"])
def test_a_position_from_before_there_was_such_a_token_is_a_pages(position: str) -> None:
    assert list(stream_paginator(made("google")).ask(position).query) == [("pageToken", position)]


@pytest.mark.parametrize(
    ("key", "value", "more", "said"),
    [
        ("end", ["no-next", "resumable"], {}, "nothing goes on from there"),
        ("end", ["resumable"], RESUME, "does not say what makes a page the last"),
        ("end", ["no-next", "final", "resumable"], RESUME, "of which an end is one"),
        ("incremental", {"type": "resume"}, {"order": "none"}, "end does not say resumable"),
        ("tail", "body:a", {}, "goes with resumable in end only"),
        ("tail", "next", {}, "goes with resumable in end only"),
        ("tail", "counter:offset", {**RESUME, "end": ["no-next", "resumable"]}, "the last page has no token there"),
        ("tail", {"from": "link:a", "to": "query:b"}, {**RESUME, "end": ["no-next", "resumable"]}, "a link is a URL"),
        ("tail", {"from": "body:a"}, {**RESUME, "end": ["no-next", "resumable"]}, "to is missing"),
        ("end", ["no-next", "resumable"], {"incremental": {"type": "resume"}}, "order is newest-first"),
        ("incremental", {"type": "resume", "start": "soon"}, {**RESUME, "end": ["no-next", "resumable"]}, "no date"),
        ("incremental", {"type": "resume", "step": 5}, {"end": ["no-next", "resumable"]}, "goes with window only"),
        ("incremental", {"type": "known", "start": "2024-01-01"}, {}, "goes with since or resume or window only"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_said(key: str, value: Any, more: dict[str, Any], said: str) -> None:
    more = {name: other for name, other in more.items() if name != key}
    assert any(said in mistake for mistake in mistakes(issues(key, value, **more)))


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"step": "1d"}, "incremental.start is missing"),
        ({"start": "2024-01-01"}, "incremental.step is missing"),
        ({"step": "0.5s", "start": "2024-01-01"}, "it is too short"),
        ({"step": "1d", "start": "2024-01-01", "parallel": 0}, "it is out of range"),
        ({"step": "1d", "start": "2024-01-01", "from": "{since}"}, "holds no slot"),
        ({"step": "1d", "start": "2024-01-01", "conditional": True}, "which has many first pages"),
        ({"step": "1d", "start": "2024-01-01", "from": "after"}, "names after, which is a parameter of query"),
    ],
)  # fmt: skip
def test_what_windows_need(window: dict[str, Any], said: str) -> None:
    assert any(said in mistake for mistake in mistakes(issues("incremental", {"type": "window", **window})))


def test_windows_that_cannot_be_asked_for_are_refused() -> None:
    window = {"type": "window", "step": "1d", "start": "2024-01-01"}
    found = mistakes(issues("incremental", window, query={"limit": "{page_size}", "after": "{since}"}))
    assert ["incremental.to is missing" in mistake for mistake in found] == [True]
    source = read_source(
        log_source("matrix", "https://log.example.com")
        .replace(', "resumable"', "")
        .replace('{ type = "resume" }', '{ type = "window", from = "a", to = "b", step = "1d", start = 2024-01-01 }'),
        "log.toml",
    )
    assert source.streams["changes"].query == (("a", "{since}"), ("b", "{until}"))
    assert checked(source, "source log") == source


@pytest.mark.parametrize(("kind", "tail"), [("matrix", "t7"), ("graph", None)])
def test_a_status_that_ends_a_chain_has_no_other_token_than_that_it_was_asked_with(kind: str, tail: str | None) -> None:
    stream = made(kind)
    page = PageReader(stream, stream_paginator(stream)).end(Asked(URL, "t7", None))
    assert (page.has_more, page.tail) == (False, tail)


def test_a_token_cannot_go_where_next_goes_by_several_places() -> None:
    step = {"from": ["header:a", "header:b"], "to": ["query:a", "query:b"]}
    found = mistakes(issues("tail", "body:a", next=step, **RESUME, end=["no-next", "resumable"]))
    assert any("needs one of its own in to" in mistake for mistake in found)
