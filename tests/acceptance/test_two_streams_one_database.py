"""Streams of one database whose APIs give the same ids: each is exact, and each is verified by itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.crawl import Crawl, scrapy
from tests.support.database import rows
from tests.support.feed import FEED_SETTINGS, Feed, feed_events, serving


def payloads(url: str, table: str) -> dict[str, str]:
    return dict(rows(url, f"SELECT event_id, payload->>'type' FROM {table}"))


def served(feed: Feed) -> dict[str, str]:
    return {event["id"]: event["type"] for event in feed.events}


def of_type(type_: str, count: int) -> list[dict[str, object]]:
    return [{**event, "type": type_} for event in feed_events(count)]


@pytest.mark.parametrize("rule", ["first", "last"])
def test_two_that_give_equal_ids_at_once_are_both_exact_twice(
    start_crawl: Callable[..., Crawl], database_url: str, rule: str
) -> None:
    with serving(of_type("a", 50), flat=True) as a, serving(of_type("b", 30), flat=True) as b:
        feeds = {"a": a, "b": b}
        for _ in range(2):
            crawls = [
                start_crawl(feed.base_url, **FEED_SETTINGS, STREAM=stream, CONFLICT_RULE=rule)
                for stream, feed in feeds.items()
            ]
            assert [crawl.wait() for crawl in crawls] == [0, 0], [crawl.log for crawl in crawls]
            for stream, feed in feeds.items():
                assert payloads(database_url, f"datasync__{stream}") == served(feed)
                verify = scrapy("verify", "--json", "--no-api", DATABASE_URL=database_url, STREAM=stream)
                assert verify.returncode == 0, verify.stdout
                status = json.loads(scrapy("status", "--json", DATABASE_URL=database_url, STREAM=stream).stdout)
                assert (status["table"], status["total_ingested"]) == (f"datasync__{stream}", len(feed.events))
            # New ones for both, some of which have the ids that the other has stored already.
            a.events = [{**event, "type": "a"} for event in feed_events(5, "new")] + a.events
            b.events = [{**event, "type": "b"} for event in feed_events(20, "new")] + b.events
    assert payloads(database_url, "ingested_events") == {}
    assert rows(database_url, "SELECT conflict_id FROM event_conflicts") == []


def test_slices_of_one_stream_share_a_table_and_nothing_else(
    start_crawl: Callable[..., Crawl], database_url: str
) -> None:
    slices = {'{"tenant":"a"}': '{ "tenant": "a" }', '{"tenant":"b"}': '{"tenant": "b"}'}
    with serving(of_type("a", 30), flat=True) as a, serving(of_type("b", 30), flat=True) as b:
        for _ in range(2):
            for feed, written in zip((a, b), slices.values(), strict=True):
                crawl = start_crawl(feed.base_url, **FEED_SETTINGS, STREAM="orders", SLICE=written)
                assert crawl.wait() == 0, crawl.log
            a.events = of_type("a", 0) + [{**event, "type": "a"} for event in feed_events(3, "new")] + a.events
        stored = rows(
            database_url,
            "SELECT state.slice, payload->>'type', count(*) FROM datasync__orders"
            " JOIN ingestion_state AS state ON state.id = slice_id GROUP BY 1, 2 ORDER BY 1",
        )
        assert stored == [('{"tenant":"a"}', "a", 33), ('{"tenant":"b"}', "b", 30)]
    for name in slices:
        verify = scrapy("verify", "--no-api", DATABASE_URL=database_url, STREAM="orders", SLICE=name)
        assert verify.returncode == 0, verify.stdout
        assert name in scrapy("status", DATABASE_URL=database_url, STREAM="orders", SLICE=name).stdout
    refused = start_crawl(a.base_url, **FEED_SETTINGS, STREAM="orders")
    assert refused.wait() == 2, refused.log
    assert "the stream orders has slices, and none is named" in refused.log
