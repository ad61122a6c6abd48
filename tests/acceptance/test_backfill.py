"""``scrapy crawl … -a since=… -a until=…`` beside an open pass, in whole crawls of the process."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, PAGE_SIZE, Asked, Feed, Reply, feed_events, page, serving

_POSITION = (
    "SELECT cursor, walk, pass_number, pass_kind, pass_status, pass_started_at, pass_expected_total"
    " FROM ingestion_state"
)


def windowed(feed: Feed) -> Callable[[Asked], Reply | None]:
    """Answers as an API that takes ``since`` and ``until``, with cursors and totals of the window alone."""

    def answer(asked: Asked) -> Reply | None:
        if "since" not in asked.query:
            return None
        since, until = int(asked.query["since"]), int(asked.query["until"])
        found = [event for event in feed.events if since <= event["timestamp"] < until]
        start = 0 if asked.cursor is None else int(asked.cursor.removeprefix("w")) * PAGE_SIZE
        rest = len(found) > start + PAGE_SIZE
        following = f"w{start // PAGE_SIZE + 1}" if rest else None
        return Reply(page(found[start : start + PAGE_SIZE], following, total=len(found)))

    return answer


def test_a_window_is_stored_beside_an_open_pass_whatever_kills_it(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    events = feed_events(60)
    with serving(events) as feed:
        feed.answer = windowed(feed)
        settings = {**FEED_SETTINGS, "WRITE_BATCH_SIZE": "1", "DATASYNC_FAILPOINT": "after_commit@2=kill"}
        assert start_crawl(feed.base_url, **settings).wait() == -9
        position = rows(database_url, _POSITION)
        assert position[0][4] == "open"
        window = ("-a", f"since={events[44]['timestamp']}", "-a", f"until={events[14]['timestamp']}")
        assert start_crawl(feed.base_url, *window, **settings).wait() == -9
        assert rows(database_url, _POSITION) == position
        whole = start_crawl(feed.base_url, *window, **FEED_SETTINGS)
        assert whole.wait() == 0, whole.log
        assert "a backfill in" in whole.log
        assert rows(database_url, _POSITION) == position
        status = json.loads(scrapy("status", "--json", DATABASE_URL=database_url).stdout)
        assert (status["backfill"]["status"], status["backfill"]["reason"]) == ("complete", "backfilled")
        assert status["pass"]["status"] == "open"
        reported = scrapy("status", DATABASE_URL=database_url).stdout
        assert "a backfill after it:" in reported
        asked = len(feed.asked)
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert feed.asked[asked].cursor == "c2"
        assert value(database_url, "SELECT count(*) FROM ingested_events") == 60
        assert rows(database_url, "SELECT total_ingested, pass_status FROM ingestion_state") == [(60, "complete")]
        verify = scrapy("verify", "--no-api", DATABASE_URL=database_url)
        assert verify.returncode == 0, verify.stdout
