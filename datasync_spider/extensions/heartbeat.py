"""Registers the crawl's run with the heart that keeps the leases of all, and says by signals what it reports.

What the API asks of a credential is noted for other runs as soon as it is heard.

Invariant: a run that finds its lease taken stops at once, as fenced off.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals

from datasync_spider import signals
from datasync_spider.errors import FencedOff, StorageError
from datasync_spider.observe import stats
from datasync_spider.pacing.askedwaits import AskedWaits, Closed
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.polls import note_poll
from datasync_spider.storage.retrying import once_more
from datasync_spider.storage.runs import OpenRun, note_closed
from datasync_spider.sync.heart import Pulse
from datasync_spider.sync.services import Services, services_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_WORTH_NOTING_SECONDS = 0.2


class HeartbeatExtension:
    """See the module's text."""

    def __init__(self, crawler: Crawler, services: Services) -> None:
        self._crawler = crawler
        self._services = services
        self._worker = services.worker()
        self._run: OpenRun | None = None
        self._known = AskedWaits()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler, services_of(crawler))
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._wait_asked, signals.wait_asked)
        crawler.signals.connect(extension._poll_interval_asked, signals.poll_interval_asked)
        crawler.signals.connect(extension._spider_closed, scrapy_signals.spider_closed)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        self._run = run
        self._known.learned(run.waits.closed, time.monotonic())
        self._services.heart.begin(Pulse(run, self._spent, self._fenced_off, self._learned))

    def _spent(self) -> tuple[int, int]:
        collector = self._crawler.stats
        return collector.get_value(stats.RETRIES, 0), collector.get_value(stats.WAITED_MS, 0)

    def _fenced_off(self, error: FencedOff) -> None:
        self._crawler.signals.send_catch_log(signals.run_failed, error=error)

    def _learned(self, closed: Closed, age_seconds: float) -> None:
        # What this run has noted itself comes back as well, later by what the writing and the reading took.
        if self._known.learned(closed, time.monotonic(), _WORTH_NOTING_SECONDS + age_seconds):
            self._crawler.signals.send_catch_log(signals.wait_learned, closed=closed)

    def _wait_asked(self, seconds: float, *, is_binding: bool, **_: Any) -> None:
        run = self._run
        # At once, and not when the run ends: it may be killed while it waits.
        if run is not None and seconds >= _WORTH_NOTING_SECONDS:
            ends_at = time.monotonic() + seconds
            self._known.asked(seconds, time.monotonic(), is_binding=is_binding)

            def note(connection: Connection) -> None:
                # As long as it is by then: what is noted later would come back as another run's, and as longer.
                left = max(0.0, ends_at - time.monotonic())
                closed = Closed(seconds=left) if is_binding else Closed(advised_seconds=left)
                note_closed(connection, run, closed)

            self._note("what the API reported", note)

    def _poll_interval_asked(self, seconds: float, **_: Any) -> None:
        run = self._run
        if run is not None and seconds > 0:
            slice_id = run.slice.slice_id
            self._note("when the next sync may begin", lambda connection: note_poll(connection, slice_id, seconds))

    def _note(self, what: str, note: Callable[[Connection], None]) -> None:
        def once() -> None:
            with self._services.pool.connected() as connection:
                note(connection)

        def note_it() -> None:
            try:
                once_more(once)
            except StorageError as error:
                logger.debug("%s could not be noted: %s", what, error)

        self._worker.submit(note_it)

    def _spider_closed(self, **_: Any) -> None:
        if self._run is not None:
            self._services.heart.end(self._run)
