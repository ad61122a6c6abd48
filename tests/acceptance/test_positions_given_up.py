"""A stored position that the API has no use for any more is given up once, and the chain from the head is exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl
from tests.support.database import rows, value
from tests.support.feed import FEED_SETTINGS, Asked, Feed, Reply, assert_feed_is_stored, feed_events, page, serving
from tests.support.ledger import last_run
from tests.support.truth import assert_totals_balance

StartCrawl = Callable[..., Crawl]

_REFUSED = Reply({"error": "Forbidden"}, 403)
_INVALID = Reply({"error": "Bad Request", "message": "Malformed cursor", "code": "CURSOR_INVALID"}, 400)


def _stop_behind_page_one(feed: Feed, start_crawl: StartCrawl) -> None:
    feed.answer = lambda asked: _REFUSED if asked.cursor == "c1" else None
    assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 1


def _page_one_again(feed: Feed) -> Reply:
    return Reply(feed.page_at(None))


def _empty_end(feed: Feed) -> Reply:
    return Reply(page([], None))


@pytest.mark.parametrize(
    ("says", "flat"),
    [
        (lambda _: _INVALID, False),
        (lambda _: Reply({"detail": "Invalid cursor"}, 404), False),
        (lambda _: Reply(b"", 414), False),
        (_page_one_again, False),
        (_empty_end, True),
    ],
    ids=["a code", "words", "too long", "page one again", "an end that nothing proves"],
)
def test_a_stored_cursor_that_is_worth_nothing_costs_a_new_chain_and_no_event(
    start_crawl: StartCrawl, database_url: str, says: Callable[[Feed], Reply], *, flat: bool
) -> None:
    with serving(flat=flat) as feed:
        _stop_behind_page_one(feed, start_crawl)
        is_old = True

        def answer(asked: Asked) -> Reply | None:
            nonlocal is_old
            if asked.cursor is None:
                is_old = False
            return says(feed) if is_old else None

        feed.answer = answer
        feed.asked.clear()
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert [asked.cursor for asked in feed.asked] == ["c1", None, "c1", "c2"]
        assert crawl.log.count("the stored position is given up") == 1
    assert_feed_is_stored(database_url, feed.events)
    assert_totals_balance(database_url)
    assert rows(database_url, "SELECT walk, count(*) FROM ingestion_pages GROUP BY 1 ORDER BY 1") == [(1, 1), (2, 3)]


def test_where_the_head_is_refused_as_well_the_position_stays_and_the_first_refusal_is_given(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving() as feed:
        _stop_behind_page_one(feed, start_crawl)
        feed.asked.clear()
        feed.answer = lambda asked: Reply({"message": f"no such thing as {asked.cursor}"}, 404)
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 1
        assert [asked.cursor for asked in feed.asked] == ["c1", None]
        assert "no such thing as c1" in value(database_url, "SELECT detail FROM ingestion_runs ORDER BY run_id DESC")
        assert rows(database_url, "SELECT cursor, walk FROM ingestion_state") == [("c1", 1)]
        feed.answer = None
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 0
        assert [asked.cursor for asked in feed.asked[2:]] == ["c1", "c2"]
    assert_feed_is_stored(database_url, feed.events)


def test_an_incremental_sync_that_gives_its_position_up_stops_at_ground_that_was_stored_before_it_began(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving() as feed:
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 0
        feed.events = [*feed_events(25, "new"), *feed.events]
        _stop_behind_page_one(feed, start_crawl)
        feed.asked.clear()
        # What was fetched a moment ago may still be refused: then the run after the next one gives it up.
        feed.answer = lambda asked: _INVALID if asked.cursor == "c1" else None
        assert start_crawl(feed.base_url, **FEED_SETTINGS).wait() == 1
        assert last_run(database_url) == ("failed", "api_refused")
        feed.answer = lambda asked: _INVALID if asked.number == 4 else None
        crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
        assert crawl.wait() == 0, crawl.log
        assert last_run(database_url) == ("complete", "reached_known")
        assert [asked.cursor for asked in feed.asked] == ["c1", None, *["c1"] * 2, None, "c1", "c2", "c3"]
    assert_feed_is_stored(database_url, feed.events)


def test_an_api_that_refuses_or_empties_a_filter_by_time_is_read_from_the_head(
    start_crawl: StartCrawl, database_url: str
) -> None:
    with serving(flat=True) as feed:
        for refusal in (Reply({"message": "unknown parameter: until"}, 400), Reply(page([], None))):
            feed.events = [*feed_events(20, f"e{refusal.status}"), *feed.events]
            # Older than what is stored, so that the time of the oldest event of the pass is worth a question.
            _stop_behind_page_one(feed, start_crawl)
            expired = Reply({"code": "CURSOR_EXPIRED"}, 422)

            def answer(asked: Asked, refusal: Reply = refusal, expired: Reply = expired) -> Reply | None:
                if "until" in asked.query:
                    return refusal
                return expired if asked.number == 1 else None

            feed.answer = answer
            feed.asked.clear()
            crawl = start_crawl(feed.base_url, **FEED_SETTINGS)
            assert crawl.wait() == 0, crawl.log
            assert "until" in feed.asked[1].query
            assert feed.asked[2].cursor is None
    assert_feed_is_stored(database_url, feed.events)
