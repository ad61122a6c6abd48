"""A feed with records of the very same bytes and no id: all of them are kept, each once, and the run is complete."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, Asked, Feed, Reply, assert_feed_is_stored, feed_events, serving

StartCrawl = Callable[..., Crawl]

SETTINGS = {**FEED_SETTINGS, "WRITE_BATCH_SIZE": "1", "WRITE_CONCURRENCY": "1"}
NO_ID = {"type": "click"}


def mixed(count: int = 14) -> list[Any]:
    """30 records on three pages: events, sixteen records without an id, a border between pages among them."""
    events = feed_events(count)
    return [42, *events[:3], *[42] * 4, *events[3:6], *[42] * 6, NO_ID, *events[6:12], *[42] * 3, NO_ID, *events[12:]]


def assert_all_is_kept(url: str, feed: Feed) -> None:
    usable = [record for record in feed.events if isinstance(record, dict) and "id" in record]
    assert_feed_is_stored(url, usable, rejected=len(feed.events) - len(usable))
    assert rows(url, "SELECT status, reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0][0] == "complete"


@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
def test_identical_records_survive_kills_and_further_syncs(
    start_crawl: StartCrawl, database_url: str, place: str
) -> None:
    with serving(mixed()) as feed:

        def crash_and_resume(hits: int) -> None:
            crashed = start_crawl(feed.base_url, DATASYNC_FAILPOINT=f"{place}@{hits}=kill", **SETTINGS)
            assert crashed.wait() == -signal.SIGKILL, crashed.log
            sync()

        def sync() -> None:
            crawl = start_crawl(feed.base_url, **SETTINGS)
            assert crawl.wait() == 0, crawl.log
            assert_all_is_kept(database_url, feed)

        crash_and_resume(2)
        asked = len(feed.asked)
        sync()
        assert len(feed.asked) == asked + 1
        feed.events[:0] = [42, NO_ID, *feed_events(7, "new"), 42, 42, 42]
        crash_and_resume(1)
        sync()


def test_a_cursor_that_expires_among_identical_records_doubles_none(start_crawl: StartCrawl, database_url: str) -> None:
    expired = {"c2"}

    def answer(asked: Asked) -> Reply | None:
        if asked.cursor not in expired:
            return None
        expired.clear()
        feed.events[:0] = [42, *feed_events(1, "new"), 42]
        return Reply({"error": "Bad Request", "code": "CURSOR_EXPIRED"}, status=400)

    with serving(mixed(), answer) as feed:
        crawl = start_crawl(feed.base_url, **SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert not expired
        assert all("until" not in asked.query for asked in feed.asked)
        assert_all_is_kept(database_url, feed)
