"""An API that gets nowhere, whatever its cursors look like, ends the run after some pages; mended, it is exact."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, Asked, Feed, Reply, assert_feed_is_stored, feed_events, page, serving
from tests.support.ledger import last_run

StartCrawl = Callable[..., Crawl]

_BOUND = 260
"""Requests: what is needed to see the whole feed once, a hundred repeats, and what is on its way meanwhile."""


def _page_one(feed: Feed, asked: Asked) -> Reply:
    return Reply(page(feed.events[:10], f"c{asked.number}", 30))


def _page_one_stamped(feed: Feed, asked: Asked) -> Reply:
    stamped = [{**event, "served_at": time.time_ns()} for event in feed.events[:10]]
    return Reply(page(stamped, f"c{asked.number}"))


def _shuffled_and_shifted(feed: Feed, asked: Asked) -> Reply:
    start = 7 * asked.number
    events = [feed.events[(start + place) % 30] for place in range(10)]
    random.Random(asked.number).shuffle(events)
    return Reply(page(events, f"c{asked.number}", 30))


def _mostly_empty(feed: Feed, asked: Asked) -> Reply:
    return Reply(page(feed.events[:10] if asked.number % 2 else [], f"c{asked.number}"))


@pytest.mark.parametrize("answer", [_page_one, _page_one_stamped, _shuffled_and_shifted, _mostly_empty])
def test_pages_without_a_new_record_end_the_run_and_the_next_one_is_exact(
    start_crawl: StartCrawl, database_url: str, answer: Callable[[Feed, Asked], Reply]
) -> None:
    with serving() as feed:
        feed.answer = lambda asked: answer(feed, asked)
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 1, crawl.log
        assert last_run(database_url) == ("failed", "no_new_records")
        assert len(feed.asked) < _BOUND
        assert "; no new event in the last " in crawl.log
        assert value(database_url, "SELECT cursor FROM ingestion_state") is not None
        # Whatever the cursor stands for, which here is a place behind the end of the feed.
        feed.answer = None
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
    _assert_ids_are_stored(database_url, feed.events)
    assert value(database_url, "SELECT max(walk) FROM ingestion_pages") == 2


def _assert_ids_are_stored(database_url: str, events: list[Any]) -> None:
    stored = {event_id for (event_id,) in rows(database_url, "SELECT event_id FROM ingested_events")}
    assert stored == {event["id"] for event in events}


def test_empty_pages_without_an_end_end_the_run_and_some_hundred_do_not(
    start_crawl: StartCrawl, database_url: str
) -> None:
    empty_pages = 10**9

    def answer(asked: Asked) -> Reply | None:
        number = -1 if asked.cursor is None or asked.cursor.startswith("c") else int(asked.cursor.removeprefix("e"))
        if asked.cursor == "c1" or 0 <= number < empty_pages:
            return Reply(page([], f"e{number + 1}"))
        if number >= 0:
            reported = feed.page_at("c1")
            reported["pagination"]["nextCursor"] = "c2"
            return Reply(reported)
        return None

    with serving(answer=answer) as feed:
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 1, crawl.log
        assert last_run(database_url) == ("failed", "only_empty_pages")
        assert len(feed.asked) < 600
        # The position leads on: the next run gets through.
        empty_pages = 700
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert feed.asked[-1].cursor == "c2"
    assert_feed_is_stored(database_url, feed.events)


def test_a_chain_over_known_ground_is_let_through_however_it_came_to_that(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving(feed_events(1_250)) as feed:
        # More than there is, so that each pass is short, and the next one goes through all of it again.
        feed.total = 1_251
        for _ in range(2):
            crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
            assert crawl.wait() == 3, crawl.log
        feed.answer = lambda asked: Reply(b"", 403) if asked.cursor == "c115" else None
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 1
        assert value(database_url, "SELECT cursor FROM ingestion_state") == "c115"
        # The cursor of a former life is taken for the head, and all cursors are new ones.
        feed.events, feed.total = feed_events(1_260), None
        feed.answer = lambda asked: _with_other_cursors(feed, asked)
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
    assert_feed_is_stored(database_url, feed.events)


def _with_other_cursors(feed: Feed, asked: Asked) -> Reply:
    is_ours = asked.cursor is not None and asked.cursor.startswith("n")
    reported = feed.page_at(f"c{asked.cursor[1:]}" if asked.cursor is not None and is_ours else None)
    if reported["pagination"]["hasMore"]:
        reported["pagination"]["nextCursor"] = f"n{reported['pagination']['nextCursor'][1:]}"
    return Reply(reported)
