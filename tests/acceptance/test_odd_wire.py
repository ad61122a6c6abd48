"""What a crawl makes of connections that die and of answers that cannot be read, with no one's help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.feed import DROPPED, FEED_SETTINGS, Asked, Reply, assert_feed_is_stored, page, serving
from tests.support.ledger import last_run

StartCrawl = Callable[..., Crawl]


def test_a_kept_connection_that_the_server_dropped_costs_no_attempt(start_crawl: StartCrawl, database_url: str) -> None:
    with serving(answer=lambda asked: DROPPED if asked.number == 2 else None) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c1", "c2"]
        assert_feed_is_stored(database_url, feed.events)
    assert value(database_url, "SELECT retries FROM ingestion_runs") == 0


@pytest.mark.parametrize(
    ("headers", "shown"), [({"Content-Length": "7"}, ",7'"), ({"Transfer-Encoding": "identity"}, "'identity'")]
)
def test_an_answer_that_cannot_be_read_ends_the_run_at_the_second_time_and_is_shown(
    start_crawl: StartCrawl, database_url: str, headers: dict[str, str], shown: str
) -> None:
    def answer(asked: Asked) -> Reply | None:
        return None if asked.cursor is None else Reply(page([], None), headers=headers)

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **{**FEED_SETTINGS, "API_MAX_RETRIES": "30"})
        assert crawl.wait() == 1, crawl.log
        assert [asked.cursor for asked in feed.asked] == [None, "c1", "c1"]
    assert last_run(database_url) == ("failed", "wrong_protocol")
    assert shown in crawl.log[crawl.log.rindex("ingestion failed") :]
