"""Keeps the stream's lease alive and the run's heartbeat fresh while the crawl lives.

With each beat it looks at what other runs have heard from the API for the same credential, and says so by a signal.

Invariant: a run that finds its lease taken stops at once, as fenced off. A database that does not answer is no reason
to stop: the writer rides that out or fails, and the fence keeps the data safe meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from datasync_spider import signals
from datasync_spider.errors import FencedOff, StorageError
from datasync_spider.pacing.askedwaits import AskedWaits, Closed
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.polls import note_poll
from datasync_spider.storage.retrying import once_more
from datasync_spider.storage.runs import OpenRun, note_closed
from datasync_spider.sync.heart import Pulse
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_WORTH_NOTING_SECONDS = 0.2


class HeartbeatExtension:
    """One for each sync whose run is open."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._of: dict[SliceSync, _Heartbeat] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._wait_asked, signals.wait_asked)
        crawler.signals.connect(extension._poll_interval_asked, signals.poll_interval_asked)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        self._of[sync] = _Heartbeat(self._crawler, sync, run)

    def _wait_asked(self, sync: SliceSync, seconds: float, *, is_binding: bool, **_: Any) -> None:
        if sync in self._of:
            self._of[sync].wait_asked(seconds, is_binding=is_binding)

    def _poll_interval_asked(self, sync: SliceSync, seconds: float, **_: Any) -> None:
        if sync in self._of:
            self._of[sync].poll_interval_asked(seconds)

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        if (heartbeat := self._of.pop(sync, None)) is not None:
            heartbeat.close()


class _Heartbeat:
    """Of one run. Its lease is kept by the process's heart."""

    def __init__(self, crawler: Crawler, sync: SliceSync, run: OpenRun) -> None:
        self._crawler = crawler
        self._sync = sync
        self._run = run
        self._services = services_of(crawler)
        self._worker = self._services.worker()
        self._known = AskedWaits()
        self._known.learned(run.waits.closed, time.monotonic())
        self._services.heart.begin(Pulse(run, self._spent, self._fenced_off, self._learned))

    def wait_asked(self, seconds: float, *, is_binding: bool) -> None:
        # At once, and not when the run ends: it may be killed while it waits.
        if seconds >= _WORTH_NOTING_SECONDS:
            ends_at = time.monotonic() + seconds
            self._known.asked(seconds, time.monotonic(), is_binding=is_binding)

            def note(connection: Connection) -> None:
                # As long as it is by then: what is noted later would come back as another run's, and as longer.
                left = max(0.0, ends_at - time.monotonic())
                closed = Closed(seconds=left) if is_binding else Closed(advised_seconds=left)
                note_closed(connection, self._run, closed)

            self._note("what the API reported", note)

    def poll_interval_asked(self, seconds: float) -> None:
        if seconds > 0:
            slice_id = self._run.slice.slice_id
            self._note("when the next sync may begin", lambda connection: note_poll(connection, slice_id, seconds))

    def close(self) -> None:
        self._services.heart.end(self._run)

    def _spent(self) -> tuple[int, int]:
        spent = self._sync.spent()
        return spent.retries, spent.waited_ms

    def _fenced_off(self, error: FencedOff) -> None:
        self._crawler.signals.send_catch_log(signals.run_failed, sync=self._sync, error=error)

    def _learned(self, closed: Closed, age_seconds: float) -> None:
        # What this run has noted itself comes back as well, later by what the writing and the reading took.
        if self._known.learned(closed, time.monotonic(), _WORTH_NOTING_SECONDS + age_seconds):
            self._crawler.signals.send_catch_log(signals.wait_learned, sync=self._sync, closed=closed)

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
