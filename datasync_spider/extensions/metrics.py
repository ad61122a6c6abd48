"""Serves the crawl's metrics and health on METRICS_PORT, from the crawl's own reactor.

Invariant: nothing is done per event. A request costs two readings of the clock, a batch two additions.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import __version__, signals
from datasync_spider.faces.liveview.mode import SIDE_BY_SIDE
from datasync_spider.faces.metrics.listening import LISTENING_SOCKET
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.faces.progress.health import health_report
from datasync_spider.sync.plan import config_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.faces.metrics.families import Metrics
    from datasync_spider.faces.progress.state import ProgressState
    from datasync_spider.storage.batch import Committed


class MetricsExtension:
    """From the making of the crawler until its engine has stopped."""

    def __init__(
        self, state: Callable[[], ProgressState], stall_timeout_seconds: float, host: str, metrics: Metrics
    ) -> None:
        self._state = state
        self._stall_timeout_seconds = stall_timeout_seconds
        self._host = host
        self._metrics = metrics
        self._asked_at: float | None = None
        self._port: Any = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = config_of(crawler)
        if config.metrics_port is None or crawler.settings.getbool(SIDE_BY_SIDE):
            # There is one port, and the process serves all of them.
            raise NotConfigured
        from datasync_spider.faces.metrics.families import Metrics  # noqa: PLC0415 - a tenth of a second, for those who ask

        state = partial(progress_of, crawler)
        metrics = Metrics(state, config.stall_timeout_seconds, __version__)
        extension = cls(state, config.stall_timeout_seconds, config.metrics_host, metrics)
        connect = crawler.signals.connect
        connect(extension._request_sent, scrapy_signals.request_reached_downloader)
        connect(extension._request_ended, scrapy_signals.request_left_downloader)
        connect(extension._batch_committed, signals.batch_committed)
        connect(extension._engine_stopped, scrapy_signals.engine_stopped)
        extension.serve(config.metrics_port, crawler.settings.get(LISTENING_SOCKET))
        return extension

    def serve(self, port: int, listening_socket: int | None) -> None:
        """On the socket that the command has taken, or on one of our own where the crawl was started otherwise."""
        from datasync_spider.faces.metrics.site import render_metrics, serve  # noqa: PLC0415 - see from_crawler

        self._port = serve(
            lambda accept: render_metrics(self._metrics.registry, accept),
            lambda: health_report(self._state(), self._stall_timeout_seconds, time.monotonic()),
            self._host,
            port,
            listening_socket,
        )

    def _request_sent(self, **_: Any) -> None:
        self._asked_at = time.monotonic()

    def _request_ended(self, **_: Any) -> None:
        if self._asked_at is not None:
            self._metrics.request_seconds.observe(time.monotonic() - self._asked_at)
            self._asked_at = None

    def _batch_committed(self, summary: Committed, **_: Any) -> None:
        self._metrics.write_seconds.observe(summary.write_seconds)
        self._metrics.batch_events.observe(summary.counts.events)

    def _engine_stopped(self, **_: Any) -> None:
        if self._port is not None:
            self._port.stopListening()
