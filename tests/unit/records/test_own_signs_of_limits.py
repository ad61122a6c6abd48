"""A 403 is a refusal for the rate where a header says so that only its source's file knows."""

from __future__ import annotations

import pytest

from datasync_spider.errors import ApiRefused, DatasyncError, RateLimited
from datasync_spider.records.answer import check_answer
from datasync_spider.records.page import Asked, PageReader
from datasync_spider.sources.paginators.cursor import CursorPaginator
from datasync_spider.sources.paths import parse_path
from datasync_spider.sources.spec import Budget
from tests.support.sources import EVENTS_STREAM

OWN = Budget(remaining="X-Foo-Left", retry_after="X-Foo-Wait", body_wait=parse_path("backoff"))


def refusal(status: int, headers: dict[str, str], budget: Budget | None) -> DatasyncError:
    pages = PageReader(EVENTS_STREAM, CursorPaginator(EVENTS_STREAM.next), budget=budget)
    with pytest.raises(DatasyncError) as caught:
        check_answer(pages, Asked("http://127.0.0.1/events", None, None), status, lambda: headers, b'{"message":"no"}')
    return caught.value


@pytest.mark.parametrize("headers", [{"x-foo-left": "0"}, {"x-foo-wait": "60"}])
def test_a_refusal_with_a_sign_of_its_own_is_for_the_rate(headers: dict[str, str]) -> None:
    assert isinstance(refusal(403, headers, OWN), RateLimited)
    assert isinstance(refusal(403, headers, None), ApiRefused)
    assert isinstance(refusal(401, headers, OWN), ApiRefused)
    assert isinstance(refusal(403, {"x-foo-left": "7"}, OWN), ApiRefused)


@pytest.mark.parametrize("headers", [{"x-ratelimit-remaining": "0"}, {"retry-after": "60"}])
def test_known_signs_need_no_file(headers: dict[str, str]) -> None:
    assert isinstance(refusal(403, headers, None), RateLimited)


def test_a_page_gives_what_stands_where_its_source_looks_for_a_wait() -> None:
    pages = PageReader(EVENTS_STREAM, CursorPaginator(EVENTS_STREAM.next), budget=OWN)
    body = b'{"data":[],"hasMore":false,"backoff":10}'

    page = check_answer(pages, Asked("http://127.0.0.1/events", None, None), 200, dict, body)

    assert page.asked_wait == 10
