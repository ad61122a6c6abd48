"""Crawls that notify a receiver when their stream fails and recovers, whatever becomes of them and of it."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.support.crawl import Crawl
from tests.support.database import execute_outside, rows
from tests.support.feed import FEED_SETTINGS, Asked, Reply, serving
from tests.support.receiver import receiving

StartCrawl = Callable[..., Crawl]


def test_a_crawl_that_fails_is_reported_once_and_a_killed_sender_sends_again(
    start_crawl: StartCrawl, database_url: str
) -> None:
    is_refused = True

    def refuse(asked: Asked) -> Reply | None:
        return Reply({"error": {"code": "UNAUTHORIZED"}}, 401) if is_refused else None

    with serving(answer=refuse) as feed, receiving() as receiver:
        settings = {**FEED_SETTINGS, "NOTIFY_URL": receiver.url, "NOTIFY_SECRET": "hunter2hunter2", "SYNC_EVERY": "5m"}
        killed = start_crawl(feed.base_url, **settings, DATASYNC_FAILPOINT="notice_posted=kill")
        assert killed.wait() == -signal.SIGKILL, killed.log
        execute_outside(database_url, "UPDATE ingestion_notices SET not_before = now()")
        again = start_crawl(feed.base_url, **settings)
        assert again.wait() == 1, again.log
        is_refused = False
        well = start_crawl(feed.base_url, **settings)
        assert well.wait() == 0, well.log
        # Nothing names it as one that is to be kept fresh, so it is not due; how it was is known all the same.
        assert rows(database_url, "SELECT every_seconds, failures, health FROM ingestion_due") == [(None, 0, "fine")]

        receiver.silent = True
        is_refused = True
        refused = start_crawl(feed.base_url, **settings)
        assert refused.wait() == 1, refused.log

    first, second, recovered, last = receiver.posted
    assert first.message == second.message
    assert [posted.message["type"] for posted in (first, recovered, last)] == [
        "stream.failed",
        "stream.recovered",
        "stream.failed",
    ]
    assert (first.message["status"], first.message["reason"], first.message["stream"]) == (
        "failed",
        "api_refused",
        "events",
    )
    assert all(posted.is_signed_with(b"hunter2hunter2") for posted in receiver.posted)
    for crawl in (killed, again, well, refused):
        assert "xoxb" not in crawl.log
        assert "letmein" not in crawl.log
        assert "hunter2" not in crawl.log
    assert "NOTIFY_URL has taken stream.recovered of events" in well.log


def test_a_crawl_that_is_stopped_sends_nothing(start_crawl: StartCrawl, database_url: str) -> None:
    with serving() as feed, receiving() as receiver:
        settings = {**FEED_SETTINGS, "NOTIFY_URL": receiver.url}
        crawl = start_crawl(feed.base_url, **settings)
        feed.answer = lambda asked: crawl.kill(signal.SIGTERM) if asked.cursor == "c1" else None
        assert crawl.wait() == 5, crawl.log
        assert receiver.posted == []
    assert rows(database_url, "SELECT * FROM ingestion_due") == []
