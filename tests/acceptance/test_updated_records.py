"""A feed that serves what was updated at its head, read by real crawls, one of which is killed among the updates."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, Asked, Feed, Reply, serving

SETTINGS = {**FEED_SETTINGS, "CONFLICT_RULE": "last", "WRITE_BATCH_SIZE": "10", "WRITE_CONCURRENCY": "1"}


def update(feed: Feed, count: int) -> None:
    """The oldest ones, which then are the newest."""
    head = feed.events[0]["timestamp"]
    updated = [
        {**event, "type": "updated", "timestamp": head + 1000 * (n + 1)}
        for n, event in enumerate(reversed(feed.events[-count:]))
    ]
    feed.events = updated[::-1] + feed.events[:-count]


def stored(url: str) -> dict[str, str]:
    return dict(rows(url, "SELECT event_id, payload->>'type' FROM ingested_events"))


def served(feed: Feed) -> dict[str, Any]:
    return {event["id"]: event["type"] for event in feed.events}


@pytest.mark.parametrize("keeps", ["true", "false"])
def test_no_update_is_missed_by_a_sync_that_is_killed_and_begins_at_the_head_again(
    start_crawl: Callable[..., Crawl], database_url: str, keeps: str
) -> None:
    settings = {**SETTINGS, "KEEP_HISTORY": keeps}
    with serving() as feed:
        assert start_crawl(feed.base_url, **settings).wait() == 0
        update(feed, 15)
        crashed = start_crawl(feed.base_url, **settings, DATASYNC_FAILPOINT="after_commit@1=kill")
        assert crashed.wait() == -signal.SIGKILL, crashed.log
        assert list(stored(database_url).values()).count("updated") == 10

        def forgets(asked: Asked) -> Reply | None:
            """The position of the killed run, so that its pages are read again."""
            feed.answer = None
            return Reply({"error": "cursor is invalid"}, 400) if asked.cursor == "c1" else None

        feed.answer = forgets
        recovered = start_crawl(feed.base_url, **settings)
        assert recovered.wait() == 0, recovered.log
        assert stored(database_url) == served(feed)
        # On to the first page whose versions were there before the pass.
        assert [asked.cursor for asked in feed.asked][-3:] == [None, "c1", "c2"]
        assert start_crawl(feed.base_url, **settings).wait() == 0
        assert feed.asked[-1].cursor is None
    if keeps == "true":
        assert value(database_url, "SELECT count(*) FROM ingested_events__history") == 15
    assert rows(database_url, "SELECT sum(conflicts) FROM ingestion_runs") == [(0,)]
    verify = scrapy("verify", "--no-api", DATABASE_URL=database_url)
    assert verify.returncode == 0, verify.stdout
