"""An event from the far future is stored and is no news: it does not make a stream look fresh for good."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from datasync_spider.faces.progress.feed import ProgressFeed
from datasync_spider.storage.batch import Committed, Counts
from datasync_spider.storage.runs import OpenRun, ResumePoint
from tests.support.runs import EVENTS
from tests.support.syncs import sync_for

YEAR_9999_MS = 253_402_300_799_999


SYNC = sync_for()


def opened(newest_ms: int | None) -> ProgressFeed:
    feed = ProgressFeed()
    resume = ResumePoint(None, 1, "full", datetime(2026, 1, 1, tzinfo=UTC), 1, (), newest_ms, 1, None, begins_pass=True)
    feed._run_opened(OpenRun(1, EVENTS, 1, 60_000, resume), SYNC)
    return feed


def commit(feed: ProgressFeed, newest_ms: int) -> None:
    committed = Committed(1, 1, 1, Counts(1, 1, 1, 1, body_bytes=1), write_seconds=0)
    feed._batch_committed(committed, SYNC, (newest_ms * 1000, "a"))


@pytest.mark.parametrize("first_ms", [YEAR_9999_MS, 1_700_000_000_000])
def test_the_newest_event_is_the_newest_that_can_have_happened(first_ms: int) -> None:
    feed = opened(first_ms)
    commit(feed, YEAR_9999_MS)
    commit(feed, 1_700_000_000_000)
    assert feed.of(SYNC).newest_event_at == 1_700_000_000.0


def test_a_clock_that_is_a_little_ahead_counts() -> None:
    ahead_ms = round((time.time() + 3600) * 1000)
    feed = opened(None)
    commit(feed, ahead_ms)
    assert feed.of(SYNC).newest_event_at == ahead_ms / 1000
