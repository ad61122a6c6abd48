"""The live view: on a terminal, a picture of the run that is drawn over while the log scrolls above it.

Invariant: the terminal is given back as it was, whatever ends the run, and a terminal that goes away ends the view and
nothing else. What is drawn is :mod:`datasync_spider.faces.liveview.panel`'s business.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.faces.liveview.mode import SIDE_BY_SIDE, wants_live_view
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.logs import LogHandler
from datasync_spider.sync.plan import config_of

if TYPE_CHECKING:
    from typing import Self

    from rich.console import RenderableType
    from scrapy.crawler import Crawler

    from datasync_spider.faces.liveview.screen import Screen

_REDRAW_SECONDS = 0.25


class LiveViewExtension:
    """Takes the place of the progress lines where standard error is a terminal."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._warnings = _LastWarning()
        self._screen: Screen | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = config_of(crawler)
        if not wants_live_view(
            is_alone=not crawler.settings.getbool(SIDE_BY_SIDE),
            is_terminal=sys.stderr.isatty(),
            terminal_type=os.environ.get("TERM", ""),
            log_format=config.log_format,
            log_file=crawler.settings.get("LOG_FILE"),
            log_enabled=crawler.settings.getbool("LOG_ENABLED"),
        ):
            raise NotConfigured
        extension = cls(crawler)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._end, scrapy_signals.spider_closed)
        # A second stop signal ends the event loop without closing the spider.
        crawler.signals.connect(extension._end, signals.loop_ended)
        return extension

    def _run_opened(self, **_: Any) -> None:
        from datasync_spider.faces.liveview.screen import Screen  # noqa: PLC0415 - a tenth of a second, where it is drawn

        logging.getLogger().addHandler(self._warnings)
        self._screen = Screen(self._picture)
        self._redraw()

    def _picture(self) -> RenderableType:
        from datasync_spider.faces.liveview.panel import Warned, panel  # noqa: PLC0415 - as above

        last = self._warnings.last
        return panel(progress_of(self._crawler), None if last is None else Warned(*last), time.monotonic())

    def _redraw(self) -> None:
        assert self._screen is not None
        if not sys.stderr.isatty():
            # It was one. Standard error raises nothing where there is no terminal any more.
            self._end()
            return
        try:
            self._screen.redraw()
        except OSError:
            self._end()
        else:
            self._timer = asyncio.get_running_loop().call_later(_REDRAW_SECONDS, self._redraw)

    def _end(self, **_: Any) -> None:
        logging.getLogger().removeHandler(self._warnings)
        if self._timer is not None:
            self._timer.cancel()
        screen, self._screen = self._screen, None
        if screen is not None:
            screen.close()


class _LastWarning(logging.Handler):
    """Remembers the last warning, with its secrets taken out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: tuple[str, float] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogHandler):
                text = handler.redactor.redact(text)
        self.last = (text, time.monotonic())
