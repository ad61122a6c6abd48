"""How fresh slices are, in one question: what is late of those that are meant, and when the next is due."""

from __future__ import annotations

import pytest

from datasync_spider.storage.connection import connected
from datasync_spider.storage.due import Rhythm, register
from datasync_spider.storage.freshness import Freshness, StreamFreshness, read_freshness
from datasync_spider.storage.runs import finish_run
from datasync_spider.storage.streams import pause
from tests.support.database import execute_outside, value
from tests.support.runs import open_test_run
from tests.support.sources import stream_spec

STREAM = ("shop", "shop.orders")
SLICES = [f'{{"tenant":"{name}"}}' for name in "abcdef"]


def named(url: str, *slices: str) -> None:
    with connected(url) as connection:
        register(connection, "shop", [Rhythm("shop.orders", slices, 300.0)])


def due(url: str, seconds_ago: float, *slices: str) -> None:
    execute_outside(
        url,
        "UPDATE ingestion_due SET due_at = now() - %s * INTERVAL '1 second' WHERE slice = ANY(%s)",
        (seconds_ago, list(slices)),
    )


def asked(url: str, *slices: str, limit: int = 10) -> Freshness:
    with connected(url) as connection:
        return read_freshness(connection, [("shop.orders", name) for name in slices], limit)


def test_what_is_late_is_counted_and_the_latest_are_named(database_url: str) -> None:
    a, b, c, d, e, f = SLICES
    named(database_url, *SLICES)
    due(database_url, 700.0, a, b)
    due(database_url, 5_000.0, c, f)
    due(database_url, 400.0, d)
    due(database_url, -100.0, e)
    # What this process is not to keep fresh is none of its business.
    fresh = asked(database_url, a, b, c, d, e, limit=2)
    assert (fresh.due, fresh.late) == (4, 3)
    assert [late.slice for late in fresh.latest] == [c, a]
    assert fresh.streams[STREAM].late_seconds == pytest.approx(5_000.0, abs=60.0)
    assert fresh.next_seconds == pytest.approx(100.0, abs=60.0)


def test_what_is_paused_or_being_synced_is_neither_late_nor_due_next(database_url: str) -> None:
    a, b, *_ = SLICES
    named(database_url, a, b)
    due(database_url, 5_000.0, a, b)
    run = open_test_run(database_url, stream_spec("shop.orders", a, source="shop"))
    other = open_test_run(database_url, stream_spec("shop.orders", b, source="shop"))
    with connected(database_url) as connection:
        finish_run(connection, other, "stopped", "SIGTERM", None, 0, 0)
        stream_id = value(database_url, "SELECT stream_id FROM ingestion_streams WHERE name = 'shop.orders'")
        pause(connection, stream_id, [b])
    assert asked(database_url, a, b) == Freshness({STREAM: StreamFreshness(0, 0, 0.0)})
    with connected(database_url) as connection:
        finish_run(connection, run, "stopped", "SIGTERM", None, 0, 0)
    assert [late.slice for late in asked(database_url, a, b).latest] == [a]


def test_where_nothing_is_to_be_kept_fresh_nothing_is_known(database_url: str) -> None:
    assert asked(database_url) == asked(database_url, "{}") == Freshness()
