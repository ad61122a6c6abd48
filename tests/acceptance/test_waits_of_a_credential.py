"""What an API has said of its limits holds for all runs with the same key at the same origin, and for no other."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

from tests.support.crawl import Crawl, scrapy
from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, Asked, Reply, serving
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]

BUDGET = {**FEED_SETTINGS, "API_RATE_LIMIT_WAIT_BUDGET_MS": "1000", "API_TIMEOUT_MS": "60000"}
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, in (23 h 59 min|1 d 0 h)"


def refused(asked: Asked) -> Reply | None:
    """The first key has used up its requests for today."""
    return Reply(status=429, headers={"Retry-After": "86400"}) if asked.headers.get("x-api-key") == "key-1" else None


def test_a_refusal_ends_the_runs_of_all_streams_with_that_key_without_a_request_and_of_no_other_key(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving(answer=refused) as feed:
        first = start_crawl(feed.base_url, STREAM="a", DATASYNC_API_KEY="key-1", **BUDGET)
        assert first.wait(30) == 1, first.log
        assert len(feed.asked) == 1
        # The same origin, spelt otherwise.
        second = start_crawl(
            feed.base_url.replace("http", "HTTP") + "/", STREAM="b", DATASYNC_API_KEY="key-1", **BUDGET
        )
        assert second.wait(30) == 1, second.log
        assert len(feed.asked) == 1
        assert re.search(f"no request before {MOMENT} .said to another run with this credential", second.log)
        third = start_crawl(feed.base_url, STREAM="c", DATASYNC_API_KEY="key-2", **BUDGET)
        assert third.wait(60) == 0, third.log
        assert len(feed.asked) == 4
        # Whoever asks beforehand hears of it: of the stream, and of a key that this stream was never asked with.
        reported = scrapy("status", DATABASE_URL=database_url, STREAM="b").stdout
        assert re.search(f"the API asks for no request until {MOMENT} .ingestion_credentials.closed_until of", reported)
        assert "no request until" not in scrapy("status", DATABASE_URL=database_url, STREAM="c").stdout
        environment = {"DATABASE_URL": database_url, "API_BASE_URL": feed.base_url, "STREAM": "c"}
        doctor = scrapy("doctor", "--json", DATASYNC_API_KEY="key-1", **environment)
        findings = [one for one in json.loads(doctor.stdout)["findings"] if "this credential" in one["text"]]
        assert [finding["level"] for finding in findings] == ["problem"]
        assert "this credential" not in scrapy("doctor", DATASYNC_API_KEY="key-2", **environment).stdout
    credential_id = value(database_url, "SELECT credential_id FROM ingestion_state WHERE stream = 'b'")
    assert f"where credential_id is {credential_id}" in findings[0]["remedy"]
    fingerprint = value(
        database_url, "SELECT fingerprint FROM ingestion_credentials WHERE credential_id = %s", (credential_id,)
    )
    for text in (first.log, second.log, reported, doctor.stdout):
        assert "key-1" not in text
        assert fingerprint not in text


def await_beat(url: str, stream: str) -> None:
    last = "SELECT heartbeat_at FROM ingestion_runs WHERE stream = %s"
    before = value(url, last, (stream,))
    eventually(lambda: value(url, last, (stream,)) > before, what="a heartbeat")


def test_a_run_under_way_keeps_what_another_one_hears_meanwhile(start_crawl: StartCrawl, database_url: str) -> None:
    release = threading.Event()

    def answer(asked: Asked) -> Reply | None:
        if asked.number == 1:
            return None
        if asked.number == 2:
            release.wait(60)
            return None
        return Reply(status=429, headers={"Retry-After": "86400"})

    with serving(answer=answer) as feed:
        running = start_crawl(feed.base_url, STREAM="a", LEASE_TTL_MS="3000", **BUDGET)
        eventually(lambda: len(feed.asked) == 2, what="the second request")
        other = start_crawl(feed.base_url, STREAM="b", **BUDGET)
        assert other.wait(30) == 1, other.log
        # Two beats, one of which begins after the end.
        for _ in range(2):
            await_beat(database_url, "a")
        release.set()
        assert running.wait(30) == 1, running.log
        assert len(feed.asked) == 3
    assert re.search(f"no request before {MOMENT} .said to another run", running.log)
    # The page that was on its way is kept.
    assert value(database_url, "SELECT sum(pages) FROM ingestion_runs WHERE stream = 'a'") == 2


def test_a_short_wait_that_another_run_has_heard_is_waited_for(start_crawl: StartCrawl, database_url: str) -> None:
    """And what the run itself was asked is counted once, though it comes back with each heartbeat."""
    answers = {2: Reply(status=429, headers={"Retry-After": "3"})}
    with serving(answer=lambda asked: answers.get(asked.number)) as feed:
        settings = {**FEED_SETTINGS, "API_RATE_LIMIT_WAIT_BUDGET_MS": "5000", "LEASE_TTL_MS": "1000"}
        crawl = start_crawl(feed.base_url, STREAM="a", LOG_LEVEL="DEBUG", **settings)
        assert crawl.wait(60) == 0, crawl.log
        assert len(feed.asked) == 4
    assert "said to another run" not in crawl.log
