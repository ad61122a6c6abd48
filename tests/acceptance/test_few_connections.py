"""A crawl with more writers than its role may have connections."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.crawl import Crawl
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, Reply, assert_feed_is_stored, serving
from tests.support.limitedrole import LimitedRole

SETTINGS = {**FEED_SETTINGS, "WRITE_CONCURRENCY": "4", "WRITE_BATCH_SIZE": "10"}


def test_one_connection_is_enough_to_commit_to_record_a_failure_and_to_go_on(
    start_crawl: Callable[..., Crawl], database_url: str, role: LimitedRole
) -> None:
    role.limit(1)
    with serving() as feed:
        feed.answer = lambda asked: Reply({"error": "Forbidden"}, 403) if asked.cursor == "c2" else None
        failed = start_crawl(feed.base_url, **SETTINGS, DATABASE_URL=role.url)
        assert failed.wait() == 1, failed.log
        assert "could not be recorded" not in failed.log
        assert rows(database_url, "SELECT status, reason, inserted FROM ingestion_runs") == [
            ("failed", "api_refused", 20)
        ]
        feed.answer = None
        assert start_crawl(feed.base_url, **SETTINGS, DATABASE_URL=role.url).wait() == 0
        assert [asked.cursor for asked in feed.asked][-1] == "c2"
    assert_feed_is_stored(database_url, feed.events)
