"""Two streams whose APIs give the same ids, in one database: whoever comes second is told so, and never complete."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, feed_events, serving

TOLD = "20 events came with an id that another stream of this database has stored (a)"


def test_a_stream_that_meets_another_ones_ids_is_not_complete_by_them(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    with serving(feed_events(20), flat=True) as a, serving(feed_events(30, "own"), flat=True) as b:
        assert start_crawl(a.base_url, **FEED_SETTINGS, STREAM="a").wait() == 0
        assert start_crawl(b.base_url, **FEED_SETTINGS, STREAM="b").wait() == 0
        # The newest twenty of b have the ids that a has stored.
        b.events = [{**event, "type": "other"} for event in feed_events(20)] + b.events
        b.asked.clear()
        second = start_crawl(b.base_url, **FEED_SETTINGS, STREAM="b", CONFLICT_RULE="last")
        assert second.wait() == 3, second.log
        assert len(b.asked) >= 3
        assert f"shared_ids (30 stored, 0 rejected, 0 filtered; {TOLD}" in second.log
        assert "  next: give each stream a database of its own" in second.log
        assert start_crawl(a.base_url, **FEED_SETTINGS, STREAM="a").wait() == 0
        assert start_crawl(b.base_url, **FEED_SETTINGS, STREAM="b").wait() == 3
    assert value(database_url, "SELECT count(*) FROM ingested_events WHERE payload->>'type' = 'other'") == 0
    assert rows(database_url, "SELECT conflict_id FROM event_conflicts") == []
    for stream, code in (("a", 0), ("b", 3)):
        verify = scrapy("verify", "--json", "--no-api", DATABASE_URL=database_url, STREAM=stream)
        assert verify.returncode == code, verify.stdout
        status = json.loads(scrapy("status", "--json", DATABASE_URL=database_url, STREAM=stream).stdout)
        assert status["shared_ids"] == (20 if stream == "b" else 0)
    assert "20 of its events came with an id" in scrapy("status", DATABASE_URL=database_url, STREAM="b").stdout
