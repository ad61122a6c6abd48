"""A budget that a source's file declares holds in whole crawls, whatever the API's headers say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.crawl import Crawl
from tests.support.feed import FEED_SETTINGS, Asked, Reply, feed_events, serving


def test_a_declared_budget_holds_in_any_window_whatever_the_headers_say(
    start_crawl: Callable[..., Crawl], tmp_path: Path
) -> None:
    arrivals: list[float] = []
    lock = threading.Lock()

    def answer(asked: Asked) -> Reply | None:
        with lock:
            arrivals.append(time.monotonic())
        return Reply(feed.page_at(asked.cursor), headers={"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999"})

    with serving(feed_events(120), answer) as feed:
        (tmp_path / "small.toml").write_text(
            f"""
[source]
name = "small"
base_url = "{feed.base_url}"
budget = {{ requests = 3, seconds = 2 }}

[streams.events]
url = "/events"
query = {{ limit = "{{page_size}}" }}
page_size = {{ default = 10, max = 10 }}
records = "data"
id = "id"
time = "timestamp"
order = "newest-first"
next = {{ from = "body:pagination.nextCursor", to = "query:cursor" }}
end = ["flag:pagination.hasMore=false"]
"""
        )
        crawl = start_crawl(feed.base_url, spider="small.events", **FEED_SETTINGS, SOURCES_DIR=str(tmp_path))
        assert crawl.wait() == 0, crawl.log
    assert len(arrivals) == 12
    assert max(sum(start <= at <= start + 2 for at in arrivals) for start in arrivals) <= 3
    assert "declared_budget" in crawl.log
