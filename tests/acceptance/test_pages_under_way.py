"""How a page and the request after it share one event loop, and how many pages may be under way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.test_item_pipelines import with_pipeline
from tests.support.crawl import Crawl
from tests.support.database import value
from tests.support.feed import FEED_SETTINGS, Asked, assert_feed_is_stored, serving
from tests.support.mock import MockApi
from tests.support.waiting import eventually


def test_the_next_request_is_with_the_server_before_a_page_is_looked_at(
    start_crawl: Callable[..., Crawl], database_url: str, tmp_path: Path
) -> None:
    def note(asked: Asked) -> None:
        (tmp_path / (asked.cursor or "head")).touch()

    with serving(answer=note) as feed:
        arguments = (*with_pipeline("BlockUntilNextIsAsked"), "-s", f"ASKED_IN={tmp_path}")
        crawl = start_crawl(feed.base_url, *arguments, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert len(feed.asked) == 3
    assert_feed_is_stored(database_url, feed.events)


def test_no_more_is_asked_for_than_may_be_under_way_and_a_stop_keeps_what_was_fetched(
    start_mock_api: Callable[..., MockApi], start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    mock = start_mock_api("--total", "20000")
    # Pages of about 350 kB: with the third one there is more under way than may be.
    arguments = (*with_pipeline("HoldEveryPage"), "-s", "SCRAPER_SLOT_MAX_ACTIVE_SIZE=1000000")
    crawl = start_crawl(mock.base_url, *arguments, API_PAGE_LIMIT="1000")
    # Another request would leave before that is said.
    eventually(lambda: "page 3 is held" in crawl.log, what="a third page")
    crawl.kill(signal.SIGTERM)
    assert crawl.wait() == 5, crawl.log
    assert mock.requests() == 3
    assert value(database_url, "SELECT count(*) FROM ingestion_pages") == 3
