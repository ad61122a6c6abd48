"""One log line every PROGRESS_LOG_INTERVAL_MS and sync: what is committed, how fast, and what it is doing.

On a terminal the live view takes its place; the log's copy gets the lines even then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.faces.liveview.mode import PROGRESS_LOGGER, SIDE_BY_SIDE, is_drawn
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.faces.progress.texts import progress_fields, progress_line
from datasync_spider.sync.plan import config_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(PROGRESS_LOGGER)


class ProgressExtension:
    """``with_fields``: for programs, the same as fields of the record. ``names_stream``: where there are several."""

    def __init__(
        self, crawler: Crawler, interval_seconds: float, *, with_fields: bool, names_stream: bool = False
    ) -> None:
        self._crawler = crawler
        self._interval_seconds = interval_seconds
        self._with_fields = with_fields
        self._names_stream = names_stream
        self._tasks: dict[SliceSync, asyncio.Task[None]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = config_of(crawler)
        if is_drawn(crawler.settings, config.log_format) and config.log_copy_file is None:
            raise NotConfigured
        extension = cls(
            crawler,
            config.progress_log_interval_seconds,
            with_fields=config.log_format == "json",
            names_stream=crawler.settings.getbool(SIDE_BY_SIDE),
        )
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _run_opened(self, sync: SliceSync, **_: Any) -> None:
        self._tasks[sync] = asyncio.ensure_future(self._log_for_ever(sync))

    async def _log_for_ever(self, sync: SliceSync) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            self._log(sync)

    def _log(self, sync: SliceSync) -> None:
        now = time.monotonic()
        state = progress_of(self._crawler, sync)
        # A line for people says it all in its text.
        fields = progress_fields(state, now) if self._with_fields else {}
        line = progress_line(state, now)
        logger.info("%s", f"{state.stream}: {line}" if self._names_stream else line, extra={"datasync": fields})

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        task = self._tasks.pop(sync, None)
        if task is not None:
            task.cancel()
            if not self._names_stream:
                # Where there are several, the line of its end says the same.
                self._log(sync)
