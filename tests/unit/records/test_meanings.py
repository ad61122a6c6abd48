"""What a source says that an answer means comes before all that its status or its members would say."""

from __future__ import annotations

import pytest

from datasync_spider.errors import (
    ApiRefused,
    CursorExpired,
    CursorRefused,
    DatasyncError,
    RateLimited,
    ServerTrouble,
)
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Asked, Page, PageReader
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Meaning, MeaningRow
from tests.support.sources import EVENTS_STREAM

LAST = b'"data":[],"hasMore":false'


def checked(status: int, body: bytes, *rows: MeaningRow) -> Page:
    pages = PageReader(EVENTS_STREAM, CursorPaginator(EVENTS_STREAM.next), rows)
    return check_answer(pages, Asked("http://127.0.0.1/events", None, None), status, dict, body)


def row(means: Meaning, status: int | None, value: object, path: str = "error") -> MeaningRow:
    return MeaningRow(means=means, status=status, path=parse_path(path), value=value)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("means", "kind"),
    [
        ("throttled", RateLimited),
        ("retry", ServerTrouble),
        ("cursor-expired", CursorExpired),
        ("cursor-invalid", CursorRefused),
        ("denied", ApiRefused),
        ("fatal", ApiRefused),
    ],
)
def test_each_meaning_is_the_error_that_it_says(status: int, means: Meaning, kind: type[DatasyncError]) -> None:
    with pytest.raises(kind):
        checked(status, b'{"error":"limited",' + LAST + b"}", row(means, status, "limited"))


def test_the_first_row_that_fits_counts_and_a_row_of_another_status_or_value_does_not() -> None:
    body = b'{"error":"limited"}'
    rows = (row("fatal", 201, "limited"), row("fatal", 400, "other"), row("throttled", None, "limited"))
    with pytest.raises(RateLimited):
        checked(400, body, *rows, row("fatal", 400, "limited"))


def test_true_is_not_1() -> None:
    assert checked(200, b'{"flag":true,' + LAST + b"}", row("fatal", 200, 1, "flag")).raw_events is not None
    with pytest.raises(ApiRefused):
        checked(200, b'{"flag":true,' + LAST + b"}", row("fatal", 200, True, "flag"))


def test_what_is_declared_a_page_is_one_whatever_else_its_members_say() -> None:
    body = b'{"error":"stale","data":[{"id":"a"}],"hasMore":false}'
    with pytest.raises(DatasyncError):
        checked(200, body)
    assert len(checked(200, body, row("page", 200, "stale")).raw_events) == 1
    assert len(checked(206, body, MeaningRow(means="page", status=206), row("page", 200, "stale")).raw_events) == 1
