"""What a page's bytes lead to: the last record's digits, the token that repeats, the status that ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from datasync_spider.errors import ApiRefused, PageUnreadable, RateLimited
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Answer, Ask
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import End, MeaningRow, Next, Stream

URL = "https://api.example.com/records"
STREAM = Stream(
    name="records",
    url="/records",
    records=(parse_path("hits.hits"),),
    id=(parse_path("id"),),
    order="oldest-first",
    next=Next(source="last", to="body", paths=(parse_path("sort"),), path=parse_path("search_after")),
    end=End(empty=True),
)
MARK = Next(source="body", to="query", paths=(parse_path("mark"),), parameter="cursorMark", first="*")


def reader(stream: Stream, *meanings: MeaningRow) -> PageReader:
    return PageReader(stream, paginator(stream.next, stream=stream), meanings)


def read(stream: Stream, body: bytes, position: str | None = None) -> Page:
    return reader(stream).read(body, {}, Asked(URL, position, None))


def test_the_last_record_leads_on_with_the_digits_that_it_has() -> None:
    body = b'{"hits":{"hits":[{"id":1,"sort":[9]},{"id":2,"sort":[1.10,12345678901234567890,1e400,null,"\\u00fc"]}]}}'

    assert read(STREAM, body).next_cursor == '[[1.10,12345678901234567890,1E+400,null,"ü"]]'
    assert read(STREAM, b'{"hits":{"hits":[]}}').next_cursor is None
    with pytest.raises(PageUnreadable, match="last_record_without_cursor"):
        read(STREAM, b'{"hits":{"hits":[{"id":1,"sort":[9]},{"id":2}]}}')


class _Looks:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.lasts: list[Any] = []

    def ask(self, position: str | None) -> Ask:
        return Ask()

    def following(self, position: str | None, answer: Answer) -> str | None:
        self.lasts.append(answer.last)
        return None


def test_a_last_record_is_decoded_only_for_those_who_look_at_it() -> None:
    body = b'{"hits":{"hits":[{"id":1},{"id":2}]}}'
    in_python = Next(source="python", to="query", name="a.b:C")
    beside = replace(MARK, first=None, beside=(STREAM.next,))
    for next_, last in ((MARK, None), (STREAM.next, {"id": 2}), (in_python, {"id": 2}), (beside, {"id": 2})):
        looks = _Looks()
        made = PageReader(replace(STREAM, next=next_, end=End(no_next=True)), looks)
        made.read(body, {}, Asked(URL, None, None))
        assert looks.lasts == [last]


@pytest.mark.parametrize("is_parameter", [False, True])
def test_a_token_that_repeats_ends_a_chain_even_on_its_first_page(is_parameter: bool) -> None:
    stream = replace(
        STREAM,
        next=replace(MARK, first=None if is_parameter else "*"),
        query=(("cursorMark", "*"),) if is_parameter else (),
        end=End(repeat=True),
    )
    page = b'{"hits":{"hits":[]},"mark":"%b"}'

    assert read(stream, page % b"*").next_cursor is None
    assert read(stream, page % b"a").next_cursor == "a"
    assert read(stream, page % b"a", "a").next_cursor is None
    assert read(stream, page % b"b", "a").next_cursor == "b"


def answered(end: End, status: int, body: bytes = b"", *meanings: MeaningRow) -> Page:
    pages = reader(replace(STREAM, end=end), *meanings)
    headers: Mapping[str, str] = {}
    lists: Mapping[str, Sequence[str]] = {}
    return check_answer(pages, Asked(URL, "a", None), status, lambda: headers, body, lists)


def test_a_status_that_ends_is_a_page_without_records_and_others_are_what_they_were() -> None:
    end = End(empty=True, statuses=(204, 404))

    for page in (answered(end, 204), answered(end, 404, b'{"error":"no such page"}')):
        assert (page.has_more, page.next_cursor, len(page.raw_events)) == (False, None, 0)
    with pytest.raises(PageUnreadable, match="status_204"):
        answered(End(empty=True), 204)
    with pytest.raises(ApiRefused):
        answered(End(empty=True), 404)
    with pytest.raises(ApiRefused):
        answered(end, 400)


def test_what_a_source_says_of_an_answer_goes_before_its_status() -> None:
    throttled = MeaningRow(means="throttled", status=404, path=parse_path("error"), value="slow")

    with pytest.raises(RateLimited):
        answered(End(statuses=(404,)), 404, b'{"error":"slow"}', throttled)
    assert not answered(End(statuses=(404,)), 404, b'{"error":"gone"}', throttled).has_more
