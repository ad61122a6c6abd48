"""A wait that the API asks for is kept within one budget, whatever the status, and no request is earlier than said."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.credentials import keep_wait
from tests.support.database import execute_outside, rows, value
from tests.support.feed import FEED_SETTINGS, Asked, Reply, assert_feed_is_stored, feed_events, page, serving
from tests.support.waiting import eventually

StartCrawl = Callable[..., Crawl]

BUDGET = {**FEED_SETTINGS, "API_RATE_LIMIT_WAIT_BUDGET_MS": "1000"}
DAY = {"Retry-After": "86400"}
WINDOW = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60000"}
SECOND_PAGE = page(feed_events()[10:20], "c2", total=30)


def ending(crawl: Crawl) -> str:
    return crawl.log[crawl.log.rindex("ingestion failed: ") :]


@pytest.mark.parametrize(
    ("reply", "said", "stored"),
    [
        (Reply(status=503, headers=DAY), "503, Retry-After: 86400", 10),
        (Reply({"retryAfter": 7200}, 502), "502, retryAfter: 7200 in the body", 10),
        (Reply(SECOND_PAGE, headers=DAY), "200, Retry-After: 86400", 20),
        (Reply(SECOND_PAGE, headers=WINDOW), "200, X-RateLimit-Reset: 60000", 20),
        (Reply(status=429, headers={"Retry-After": "99999999999999"}), "429, Retry-After: 99999999999999", 10),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wait_beyond_the_budget_ends_the_run_at_once_and_binds_the_next_no_longer_than_the_budget(
    start_crawl: StartCrawl, database_url: str, reply: Reply, said: str, stored: int
) -> None:
    with serving(answer=lambda asked: reply if asked.number == 2 else None) as feed:
        first = start_crawl(feed.base_url, **BUDGET)
        assert first.wait(30) == 1, first.log
        assert said in ending(first)
        assert "wait_too_long" in ending(first)
        assert "API_RATE_LIMIT_WAIT_BUDGET_MS" in ending(first)
        assert len(feed.asked) == 2
        # What was fetched is committed, the page that brought the wait too.
        assert value(database_url, "SELECT count(*) FROM ingested_events") == stored
        left = "SELECT extract(epoch FROM advised_until - now()) FROM ingestion_credentials"
        assert value(database_url, left) <= 1
        assert value(database_url, "SELECT closed_until FROM ingestion_credentials") is None
        second = start_crawl(feed.base_url, **BUDGET)
        assert second.wait(60) == 0, second.log
    assert_feed_is_stored(database_url, feed.events)


@pytest.mark.parametrize(("status", "header"), [(429, "Retry-After"), (403, "X-RateLimit-Reset")])
def test_a_refusal_for_the_rate_is_kept_by_the_next_run_which_asks_for_nothing_and_says_until_when(
    start_crawl: StartCrawl, database_url: str, status: int, header: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        headers = {header: "86400", "X-RateLimit-Remaining": "0"}
        return Reply(status=status, headers=headers) if asked.number == 2 else None

    with serving(answer=answer) as feed:
        first = start_crawl(feed.base_url, **BUDGET)
        assert first.wait(30) == 1, first.log
        assert f"({status}, {header}: 86400)" in ending(first)
        second = start_crawl(feed.base_url, **BUDGET)
        assert second.wait(30) == 1, second.log
        moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        assert re.search(f"no request before {moment}, in (23 h 59 min|1 d 0 h)", ending(second))
        assert "ingestion_credentials.closed_until" in ending(second)
        assert len(feed.asked) == 2
        # Who knows better lifts it.
        execute_outside(database_url, "UPDATE ingestion_credentials SET closed_until = NULL")
        third = start_crawl(feed.base_url, **BUDGET)
        assert third.wait(60) == 0, third.log
    assert_feed_is_stored(database_url, feed.events)


def test_refusals_for_the_rate_are_waited_for_in_every_form_and_a_bare_403_is_none(
    start_crawl: StartCrawl, database_url: str
) -> None:
    answers = {
        1: Reply(status=403, headers={"Retry-After": "1, 0"}),
        2: Reply({"code": "RATE_LIMITED", "message": "slowly"}, 403),
        4: Reply(status=430, headers={"X-RateLimit-Remaining": "0"}),
        5: Reply(status=429, headers={"Retry-After": '"1"'}),
        7: Reply(status=503, headers={"Retry-After": "1"}),
    }
    with serving(answer=lambda asked: answers.get(asked.number)) as feed:
        crawl = start_crawl(feed.base_url, **{**FEED_SETTINGS, "API_MAX_RETRIES": "1"})
        assert crawl.wait(60) == 0, crawl.log
        assert len(feed.asked) == 3 + len(answers)
        assert_feed_is_stored(database_url, feed.events)
        # A refusal without a sign of that kind ends the run.
        feed.answer = lambda _: Reply({"error": "Forbidden"}, 403)
        refused = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert refused.wait(30) == 1, refused.log
        assert len(feed.asked) == 4 + len(answers)
    assert value(database_url, "SELECT reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1") == "api_refused"


def test_the_progress_shows_a_wait_and_a_signal_ends_it_at_once(start_crawl: StartCrawl, database_url: str) -> None:
    def answer(asked: Asked) -> Reply | None:
        return Reply(status=503, headers={"Retry-After": "3000"}) if asked.number == 3 else None

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, PROGRESS_LOG_INTERVAL_MS="1000", **FEED_SETTINGS)
        line = re.compile(r"progress: .*waiting 49 min \d\d s as the API asked \(503, Retry-After: 3000\)")
        eventually(lambda: line.search(crawl.log), what="the progress of the wait")
        left = re.findall(r", (\S+ \S+)[^,;]* left;", line.search(crawl.log)[0])  # type: ignore[index]
        assert all(words in {"49 min", "50 min"} for words in left)
        crawl.kill(signal.SIGTERM)
        assert crawl.wait(30) == 5, crawl.log
    [(closed, advised)] = rows(
        database_url, "SELECT closed_until, extract(epoch FROM advised_until - now()) FROM ingestion_credentials"
    )
    assert closed is None
    assert 2_900 < advised <= 3_000


def test_a_stream_that_someone_has_closed_for_ever_asks_for_nothing(start_crawl: StartCrawl, database_url: str) -> None:
    keep_wait(database_url, "'infinity'")
    with serving() as feed:
        crawl = start_crawl(feed.base_url, **BUDGET)
        assert crawl.wait(30) == 1, crawl.log
        assert feed.asked == []
    assert "no request before a moment more than a hundred years ahead" in ending(crawl)
