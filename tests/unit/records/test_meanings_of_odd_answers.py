"""What a source says of answers that are no errors of their own, no pages, or no JSON."""

from __future__ import annotations

import pytest

from datasync_spider.errors import (
    ApiRefused,
    DatasyncError,
    PageContradiction,
    PageUnreadable,
    RateLimited,
    Resync,
    ServerTrouble,
    TokenExpired,
    WindowTooLarge,
)
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import End, EndFlag, Meaning, MeaningRow, Next, PageSize, Stream

CURSOR = Next(source="body", to="query", paths=(parse_path("next"),), parameter="cursor")
OFFSET = Next(source="counter", to="query", name="offset", parameter="offset")
NO_NEXT = End(no_next=True)
FLAG = End(flags=(EndFlag(path=parse_path("more"), value=False),))


def checked(
    status: int,
    body: bytes,
    *rows: MeaningRow,
    step: Next = CURSOR,
    end: End = NO_NEXT,
    at: str | None = None,
) -> Page:
    stream = Stream(
        name="records",
        url="/records",
        records=(parse_path("data.nodes"),),
        id=(parse_path("id"),),
        order="none",
        next=step,
        end=end,
        page_size=PageSize(default=2, most=2),
        total=(parse_path("total"),),
    )
    pages = PageReader(stream, paginator(step, frozenset()), rows)
    return check_answer(pages, Asked("http://127.0.0.1/records", at, 2), status, dict, body)


def row(means: Meaning, status: int | None = None, path: str | None = None, **says: object) -> MeaningRow:
    place = None if path is None else parse_path(path)
    return MeaningRow(means=means, status=status, path=place, **says)  # type: ignore[arg-type] # value or substring


@pytest.mark.parametrize("status", [200, 400, 410, 503])
@pytest.mark.parametrize(
    ("means", "kind"), [("resync", Resync), ("window-too-large", WindowTooLarge), ("token-expired", TokenExpired)]
)
def test_what_others_act_on_says_what_the_api_said(status: int, means: Meaning, kind: type[DatasyncError]) -> None:
    body = b'{"code":"E7","message":"no more than 10000"}'

    with pytest.raises(kind, match=f"status {status}, E7: no more than 10000") as caught:
        checked(status, body, row(means, status, "code", value="E7"))

    assert getattr(caught.value, "reason", None) == means.replace("-", "_")


@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.parametrize(
    "body", [b"<html>We are Too Many today</html>", b"too many", b'{"a":["too many"]}', b"\xff too many"]
)
def test_a_substring_is_found_in_any_body_whatever_its_case(status: int, body: bytes) -> None:
    with pytest.raises(RateLimited):
        checked(status, body, row("throttled", status, substring="Too many"))
    with pytest.raises((ApiRefused, PageUnreadable, ServerTrouble)):
        checked(status, body, row("throttled", status, substring="too few"))


def test_a_substring_is_not_looked_for_within_records() -> None:
    body = b'{"data":{"nodes":[{"id":"1","text":"too many"}]},"next":null}'

    assert len(checked(200, body, row("throttled", 200, substring="too many")).raw_events) == 1


@pytest.mark.parametrize(
    ("path", "substring"),
    [
        ("errors[0].message", "exceeded"),
        ("errors", "EXCEEDED"),
        ("errors[0].extensions.code", "e_co"),
        ("@", "cost"),
    ],
)
def test_a_substring_is_found_at_its_path_in_a_text_or_in_what_stands_there_as_json(path: str, substring: str) -> None:
    body = b'{"errors":[{"message":"Query cost exceeded","extensions":{"code":"E_COST"}}],"data":null}'

    with pytest.raises(RateLimited):
        checked(200, body, row("throttled", 200, path, substring=substring))
    with pytest.raises(ServerTrouble):
        checked(200, body, row("throttled", 200, "data", substring=substring))


def test_an_error_of_graphql_beside_null_is_what_its_code_is_declared_to_be() -> None:
    body = b'{"errors":[{"message":"no","extensions":{"code":"MAX_COST"}}],"data":null}'

    with pytest.raises(WindowTooLarge):
        checked(200, body, row("window-too-large", 200, "errors[0].extensions.code", value="MAX_COST"))


@pytest.mark.parametrize(("status", "body"), [(404, b""), (404, b"<html>"), (200, b""), (204, b""), (200, b'{"a":1}')])
def test_an_answer_that_is_declared_empty_or_the_end_is_a_page_without_records(status: int, body: bytes) -> None:
    for means in ("empty", "end"):
        page = checked(status, body, row(means, status))
        assert (list(page.raw_events), page.next_cursor, page.has_more) == ([], None, False)


def test_an_empty_page_goes_on_where_the_paginator_goes_on() -> None:
    body = b'{"note":"nothing here","next":"c2"}'
    note = row("empty", 200, "note", substring="nothing")
    assert checked(200, body, note).next_cursor == "c2"
    assert checked(404, b"", row("empty", 404), step=OFFSET, end=FLAG, at="4").next_cursor == "4"
    assert checked(404, b"", row("empty", 404), step=OFFSET, end=End(short=True), at="4").next_cursor is None
    with pytest.raises(PageContradiction):
        checked(200, b'{"note":"nothing","more":true}', note, end=FLAG)


def test_the_end_is_the_end_whatever_else_would_follow_and_keeps_the_records_that_it_has() -> None:
    body = b'{"state":"last","data":{"nodes":[{"id":"1"},{"id":"2"}]},"next":"c2","total":7}'

    page = checked(200, body, row("end", 200, "state", value="last"))

    assert (len(page.raw_events), page.next_cursor, page.total) == (2, None, 7)
    assert len(checked(200, body, row("empty", 200, "state", value="last")).raw_events) == 2


def test_a_page_of_an_error_status_is_read_as_one_whatever_rows_of_200_say() -> None:
    body = b'{"error":"stale","data":{"nodes":[{"id":"1"}]},"next":null}'
    rows = (row("page", 203), row("fatal", 200, "error", value="stale"))

    assert len(checked(203, body, *rows).raw_events) == 1
    with pytest.raises(PageUnreadable):
        checked(203, b"<html>", *rows)
