"""Feeds the progress models of a crawl's syncs from signals: a few assignments for each request, page or batch.

One feed serves all who show or judge progress: a signal costs a small page more than what its handler does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.faces.progress.state import ProgressState

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.items import EventPage
    from datasync_spider.storage.batch import Committed, Watermark
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.slicesync import SliceSync


# How far a source's clock may be ahead. A later time, such as one that means "never", is no news: taken for the newest
# event, it would make everything look fresh for good.
_AHEAD_SECONDS = 86_400.0


def progress_of(crawler: Crawler, sync: SliceSync | None = None) -> ProgressState:
    """The model of this sync; the same at each call. Only once Scrapy has made all extensions.

    ``sync`` None: that which the crawl is made for, of a crawl that is made for one.
    """
    feed = crawler.get_extension(ProgressFeed)
    assert feed is not None, "the extension ProgressFeed is switched off, and others need it"
    if sync is None:
        sync = getattr(crawler.spider, "sync", None)
        assert sync is not None, "the crawl is of several syncs: name one"
    return feed.of(sync)


class ProgressFeed:
    """An extension that does nothing else. A model lives as long as its sync."""

    def __init__(self) -> None:
        self._states: WeakKeyDictionary[SliceSync, ProgressState] = WeakKeyDictionary()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        feed = cls()
        connect = crawler.signals.connect
        connect(feed._run_opened, signals.run_opened)
        connect(feed._request_sent, scrapy_signals.request_reached_downloader)
        connect(feed._request_ended, scrapy_signals.request_left_downloader)
        connect(feed._page_fetched, signals.page_fetched)
        connect(feed._rate_window_observed, signals.rate_window_observed)
        connect(feed._chain_restarted, signals.chain_restarted)
        connect(feed._buffer_changed, signals.buffer_changed)
        connect(feed._batch_committed, signals.batch_committed)
        connect(feed._wait_started, signals.wait_started)
        connect(feed._wait_ended, signals.wait_ended)
        connect(feed._request_retrying, signals.request_retrying)
        connect(feed._writer_retrying, signals.writer_retrying)
        connect(feed._stop_requested, signals.stop_requested)
        connect(feed._run_ending, signals.run_ending)
        return feed

    def of(self, sync: SliceSync) -> ProgressState:
        """The sync's model."""
        state = self._states.get(sync)
        if state is None:
            retry_budget_seconds = sync.plan.config.write_retry_budget_ms / 1000
            state = self._states[sync] = ProgressState(retry_budget_seconds, time.monotonic())
        return state

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        resume = run.resume
        newest_at = None if resume.newest_ms is None else _unless_far_ahead(resume.newest_ms / 1000)
        self.of(sync).run_opened(
            run.run_id,
            str(run.slice),
            resume.pass_kind,
            resume.total_ingested,
            resume.expected_total,
            newest_at,
            time.monotonic(),
        )

    def _request_sent(self, request: Request, **_: Any) -> None:
        self.of(request.meta["sync"]).request_sent(time.monotonic())

    def _request_ended(self, request: Request, **_: Any) -> None:
        self.of(request.meta["sync"]).request_ended()

    def _page_fetched(self, page: EventPage, cursor_seconds: float | None, sync: SliceSync, **_: Any) -> None:
        state = self.of(sync)
        state.page_fetched(page.body_bytes, cursor_seconds, time.monotonic())
        if page.ends_pass is not None:
            state.pass_ended(page.ends_pass)

    def _rate_window_observed(
        self, limit: int | None, remaining: int | None, reset_seconds: float | None, sync: SliceSync, **_: Any
    ) -> None:
        self.of(sync).rate_window_observed(limit, remaining, reset_seconds, time.monotonic())

    def _chain_restarted(self, sync: SliceSync, **_: Any) -> None:
        self.of(sync).chain_restarted()

    def _buffer_changed(
        self, pages: int, rows: int, writing: int, batch_size_rows: int, sync: SliceSync, **_: Any
    ) -> None:
        self.of(sync).buffer_changed(pages, rows, writing, batch_size_rows)

    def _batch_committed(self, summary: Committed, sync: SliceSync, newest: Watermark | None = None, **_: Any) -> None:
        newest_at = None if newest is None else _unless_far_ahead(newest[0] / 1_000_000)
        last_new = summary.last_new_page
        self.of(sync).committed(
            summary.counts,
            summary.total_ingested,
            summary.expected_total,
            newest_at,
            time.monotonic(),
            time.time(),
            None if last_new is None else summary.last_page - last_new,
        )

    def _wait_started(self, reason: str, seconds: float, sync: SliceSync, asked: str = "", **_: Any) -> None:
        self.of(sync).wait_started(reason, seconds, time.monotonic(), asked)

    def _wait_ended(self, sync: SliceSync, **_: Any) -> None:
        self.of(sync).wait_ended(time.monotonic())

    def _request_retrying(self, reason: str, sync: SliceSync, **_: Any) -> None:
        self.of(sync).request_retrying(reason)

    def _writer_retrying(self, attempt: int, delay_seconds: float, sync: SliceSync, **_: Any) -> None:
        self.of(sync).writer_retrying(attempt, delay_seconds, time.monotonic())

    def _stop_requested(self, signal_name: str, **_: Any) -> None:
        for state in self._states.values():
            state.ends(signal_name)

    def _run_ending(self, reason: str, sync: SliceSync, **_: Any) -> None:
        self.of(sync).ends(reason)


def _unless_far_ahead(instant: float) -> float | None:
    return instant if instant <= time.time() + _AHEAD_SECONDS else None
