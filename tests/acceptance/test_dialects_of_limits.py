"""What an API says of its limits in its own words, and in answers that only its source's file understands."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.support.crawl import Crawl, scrapy
from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, Asked, Reply, feed_events, serving

StartCrawl = Callable[..., Crawl]

FILE = """
[source]
name = "small"
base_url = "{base_url}"
timeout = "30s"
retries = 0
meanings = [
    {{ status = 200, path = "errors[0].code", value = "SLOW", means = "throttled" }},
    {{ status = 404, substring = "NO MORE", means = "end" }},
    {{ status = 400, path = "code", value = "E_LARGE", means = "window-too-large" }},
]

[source.budget]
remaining = "X-Left"
reset = "X-Back-In"
retry_after = "X-Wait"
poll_interval = "X-Poll"
unit = "ms"
body_wait = "backoff.ms"

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
{more}
"""


def write(directory: Path, base_url: str, more: str = "") -> dict[str, str]:
    (directory / "small.toml").write_text(FILE.format(base_url=base_url, more=more))
    return {**FEED_SETTINGS, "SOURCES_DIR": str(directory)}


def test_waits_in_the_words_of_an_api_are_kept_and_no_request_is_early(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    """Retries are forbidden, so that each of these is known for a limit or a page."""
    answered: list[tuple[float, float]] = []
    lock = threading.Lock()
    waits = {
        1: (Reply(status=403, headers={"X-Wait": "700"}), 0.7),
        2: (Reply({"errors": [{"code": "SLOW"}], "data": None, "backoff": {"ms": 600}}), 0.6),
        3: (Reply(status=403, headers={"X-Left": "0", "X-Back-In": "500"}), 0.5),
    }

    def answer(asked: Asked) -> Reply | None:
        arrived = time.monotonic()
        reply, seconds = waits.get(asked.number, (None, 0.0))
        if asked.number == 4:
            reply, seconds = Reply({**feed.page_at(None), "backoff": {"ms": 400}}, headers={"X-Poll": "3600000"}), 0.4
        if asked.number == 6:
            reply = Reply(b"<html>Sorry, no more.</html>", 404)
        with lock:
            answered.append((arrived, seconds))
        return reply

    with serving(answer=answer) as feed:
        settings = write(tmp_path, feed.base_url)
        crawl = start_crawl(feed.base_url, spider="small.events", **settings)
        assert crawl.wait(60) == 0, crawl.log
    assert value(database_url, "SELECT count(*) FROM small__events") == 20
    gaps = [(later - earlier, seconds) for (earlier, seconds), (later, _) in pairwise(answered)]
    assert len(answered) == 6
    assert [gap for gap, seconds in gaps if gap < seconds] == []
    # The interval held back no page of this sync, and only of this slice the next one.
    kept = "SELECT extract(epoch FROM advised_until - now()) FROM ingestion_credentials WHERE fingerprint LIKE 'poll:%'"
    assert 3_000 < value(database_url, kept) <= 3_600
    status = scrapy("status", DATABASE_URL=database_url, STREAM="small.events", **settings)
    assert "the API asks for no further sync of it until" in status.stdout, status.stderr


def test_what_a_file_says_holds_and_is_named_where_it_ends_a_run(
    start_crawl: StartCrawl, database_url: str, tmp_path: Path
) -> None:
    released = threading.Event()

    def answer(asked: Asked) -> Reply | None:
        if asked.number == 1:
            released.wait(30)
        return Reply({"code": "E_LARGE", "message": "at most 10000"}, 400) if asked.number == 3 else None

    with serving(feed_events(), answer) as feed:
        settings = write(tmp_path, feed.base_url, 'timeout = "300ms"')
        first = start_crawl(feed.base_url, spider="small.events", **settings)
        assert first.wait(60) == 1, first.log
        released.set()
        assert "within the 0.3 s of timeout in [streams.events]" in first.log
        assert re.search(r"gave up after 1 failed attempts \(retries in \[source\]\)", first.log)
        settings = write(tmp_path, feed.base_url)
        second = start_crawl(feed.base_url, spider="small.events", **settings)
        assert second.wait(60) == 1, second.log
    assert "window_too_large" in second.log
    assert "status 400, E_LARGE: at most 10000" in second.log
    assert value(database_url, "SELECT count(*) FROM small__events") == 10
