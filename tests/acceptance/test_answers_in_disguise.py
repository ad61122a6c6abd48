"""Answers with status 200 that are not what they look like: an error, a count as a float, null for an empty list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, Asked, Reply, assert_feed_is_stored, serving

ERROR = {"data": [], "hasMore": False, "error": {"code": "UPSTREAM_TIMEOUT", "message": "try later"}}


def last_run(url: str) -> tuple[Any, ...]:
    return rows(url, "SELECT status, reason, detail FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0]


def test_an_error_in_a_200_is_asked_again_then_fails_and_the_next_run_goes_on_where_it_stood(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        return Reply(ERROR) if asked.cursor == "c1" else None

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 1, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, *["c1"] * 4]
        status, reason, detail = last_run(database_url)
        assert (status, reason) == ("failed", "retries_exhausted")
        assert "error_in_page: UPSTREAM_TIMEOUT: try later" in detail
        assert_feed_is_stored(database_url, feed.events[:10])
        feed.answer = None
        feed.asked.clear()
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == ["c1", "c2"]
        assert_feed_is_stored(database_url, feed.events)


def test_errors_that_pass_an_expired_cursor_and_a_rate_limit_in_200s_cost_nothing(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        match asked.number:
            case 1:
                # Partial: what is beside an error may be cut short.
                return Reply({**feed.page_at(None), "success": False})
            case 3:
                return Reply({"data": None, "errors": [{"message": "no", "extensions": {"code": "CURSOR_EXPIRED"}}]})
            case 5:
                return Reply({**ERROR, "error": {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": 0.1}})
            case 7:
                page = feed.page_at(asked.cursor)
                return Reply({**page, "meta": {**page["meta"], "status": "error"}})
        return None

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
    assert [asked.cursor for asked in feed.asked] == [None, None, "c1", None, "c1", "c1", "c2", "c2"]
    assert_feed_is_stored(database_url, feed.events)
    assert "rate_limited: RATE_LIMIT_EXCEEDED" in crawl.log


def test_a_total_as_a_float_counts_where_the_feed_ends_early(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        page = feed.page_at(asked.cursor)
        # Of two that differ the larger counts.
        page["meta"]["total"], page["pagination"]["total"] = 30.0, 20
        page["meta"]["returned"] = 10.0
        if asked.cursor == "c1":
            page["pagination"].update(hasMore=False, nextCursor=None)
        return Reply(page)

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 3, crawl.log
    status, reason, detail = last_run(database_url)
    assert (status, reason) == ("incomplete", "short_read")
    assert "10 are missing" in detail


def test_null_for_no_events_ends_the_feed_where_the_page_says_that_it_is_empty(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        page = feed.page_at("c1" if asked.cursor == "empty" else asked.cursor)
        match asked.cursor:
            case None:
                page["pagination"]["nextCursor"] = "empty"
            case "empty":
                page["data"], page["meta"]["returned"] = None, 0
                page["pagination"]["nextCursor"] = "c1"
            case "c2":
                page["pagination"].update(hasMore="true", nextCursor="c3")
            case "c3":
                page = {"data": None, "hasMore": 0, "nextCursor": False, "returned": 0.0}
        return Reply(page)

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, "empty", "c1", "c2", "c3"]
        assert_feed_is_stored(database_url, feed.events)


def test_a_total_that_cannot_be_read_is_warned_of_once(start_crawl: Callable[..., Crawl], database_url: str) -> None:
    with serving() as feed:
        feed.answer = lambda asked: Reply({**feed.page_at(asked.cursor), "meta": {"total": "thirty"}})
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert_feed_is_stored(database_url, feed.events)
    assert crawl.log.count("the API's total cannot be read as a count of events: 'thirty'") == 1


def test_a_feed_that_is_null_from_its_head_on_is_empty_and_complete(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    with serving(answer=lambda _: Reply({"events": None, "has_more": False, "total": 0})) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
    assert_feed_is_stored(database_url, [])
    assert last_run(database_url)[:2] == ("complete", "last_page")
