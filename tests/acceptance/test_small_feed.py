"""The small feed whose answers other tests change, as it is: what they change is then the only cause."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.crawl import Crawl
from tests.support.feed import FEED_SETTINGS, assert_feed_is_stored, serving


def test_the_small_feed_is_stored_exactly(start_crawl: Callable[..., Crawl], database_url: str) -> None:
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c2"]
    assert_feed_is_stored(database_url, feed.events)
