"""The live view of one crawl: on a terminal, a picture of the run that is drawn over while the log scrolls above it.

Invariant: it ends with the crawl, whatever ends that. What is drawn is :mod:`datasync_spider.faces.liveview.panel`'s
business; of a process that syncs many slices the process itself draws.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.faces.liveview.mode import PROGRESS_LOGGER, SIDE_BY_SIDE, is_drawn
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.sync.plan import config_of

if TYPE_CHECKING:
    from typing import Self

    from rich.console import RenderableType
    from scrapy.crawler import Crawler

    from datasync_spider.faces.liveview.drawing import Drawing
    from datasync_spider.faces.liveview.panel import Warned


class LiveViewExtension:
    """Takes the place of the progress lines where standard error is a terminal."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._drawing: Drawing | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        is_of_many = crawler.settings.getbool(SIDE_BY_SIDE)
        if is_of_many or not is_drawn(crawler.settings, config_of(crawler).log_format):
            raise NotConfigured
        extension = cls(crawler)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._end, scrapy_signals.spider_closed)
        # A second stop signal ends the event loop without closing the spider.
        crawler.signals.connect(extension._end, signals.loop_ended)
        return extension

    def _run_opened(self, **_: Any) -> None:
        from datasync_spider.faces.liveview.drawing import Drawing  # noqa: PLC0415 - a tenth of a second, where it is drawn

        self._drawing = Drawing(self._picture, {PROGRESS_LOGGER})

    def _picture(self, warned: Warned | None) -> RenderableType:
        from datasync_spider.faces.liveview.panel import panel  # noqa: PLC0415 - as above

        return panel(progress_of(self._crawler), warned, time.monotonic())

    def _end(self, **_: Any) -> None:
        if self._drawing is not None:
            self._drawing.end()
