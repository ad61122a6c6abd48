"""Feeds a progress model from a crawl's signals: handlers only, each a few assignments a request, page or batch.

One feed serves all who show or judge progress: a signal costs a small page more than what its handler does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.faces.progress.state import ProgressState
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.items import EventPage
    from datasync_spider.storage.batch import Committed, Watermark
    from datasync_spider.storage.runs import OpenRun


# How far a source's clock may be ahead. A later time, such as one that means "never", is no news: taken for the newest
# event, it would make everything look fresh for good.
_AHEAD_SECONDS = 86_400.0


def progress_of(crawler: Crawler) -> ProgressState:
    """The model of this crawl; the same at each call. Only once Scrapy has made all extensions."""
    feed = crawler.get_extension(ProgressFeed)
    assert feed is not None, "the extension ProgressFeed is switched off, and others need it"
    return feed.state


class ProgressFeed:
    """An extension that does nothing else."""

    def __init__(self, retry_budget_seconds: float) -> None:
        self.state = ProgressState(retry_budget_seconds, time.monotonic())

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        feed = cls(plan_of(crawler).config.write_retry_budget_ms / 1000)
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

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        resume = run.resume
        newest_at = None if resume.newest_ms is None else _unless_far_ahead(resume.newest_ms / 1000)
        self.state.run_opened(
            run.run_id,
            str(run.slice),
            resume.pass_kind,
            resume.total_ingested,
            resume.expected_total,
            newest_at,
            time.monotonic(),
        )

    def _request_sent(self, **_: Any) -> None:
        self.state.request_sent(time.monotonic())

    def _request_ended(self, **_: Any) -> None:
        self.state.request_ended()

    def _page_fetched(self, page: EventPage, cursor_seconds: float | None, **_: Any) -> None:
        self.state.page_fetched(page.body_bytes, cursor_seconds, time.monotonic())
        if page.ends_pass is not None:
            self.state.pass_ended(page.ends_pass)

    def _rate_window_observed(
        self, limit: int | None, remaining: int | None, reset_seconds: float | None, **_: Any
    ) -> None:
        self.state.rate_window_observed(limit, remaining, reset_seconds, time.monotonic())

    def _chain_restarted(self, **_: Any) -> None:
        self.state.chain_restarted()

    def _buffer_changed(self, pages: int, rows: int, writing: int, batch_size_rows: int, **_: Any) -> None:
        self.state.buffer_changed(pages, rows, writing, batch_size_rows)

    def _batch_committed(self, summary: Committed, newest: Watermark | None = None, **_: Any) -> None:
        newest_at = None if newest is None else _unless_far_ahead(newest[0] / 1_000_000)
        last_new = summary.last_new_page
        self.state.committed(
            summary.counts,
            summary.total_ingested,
            summary.expected_total,
            newest_at,
            time.monotonic(),
            time.time(),
            None if last_new is None else summary.last_page - last_new,
        )

    def _wait_started(self, reason: str, seconds: float, asked: str = "", **_: Any) -> None:
        self.state.wait_started(reason, seconds, time.monotonic(), asked)

    def _wait_ended(self, **_: Any) -> None:
        self.state.wait_ended(time.monotonic())

    def _request_retrying(self, reason: str, **_: Any) -> None:
        self.state.request_retrying(reason)

    def _writer_retrying(self, attempt: int, delay_seconds: float, **_: Any) -> None:
        self.state.writer_retrying(attempt, delay_seconds, time.monotonic())

    def _stop_requested(self, signal_name: str, **_: Any) -> None:
        self.state.ends(signal_name)

    def _run_ending(self, reason: str, **_: Any) -> None:
        self.state.ends(reason)


def _unless_far_ahead(instant: float) -> float | None:
    return instant if instant <= time.time() + _AHEAD_SECONDS else None
