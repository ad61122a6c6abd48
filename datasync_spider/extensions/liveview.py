"""The live view: on a terminal, a picture of the run that is drawn over while the log scrolls above it.

Invariant: the terminal is given back as it was, whatever ends the run, and a terminal that goes away ends the view and
nothing else. What is drawn is :mod:`datasync_spider.progress.panel`'s business.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text
from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.config import Config
from datasync_spider.logs import LogHandler
from datasync_spider.progress.display import PROGRESS_LOGGER, wants_live_view
from datasync_spider.progress.feed import ProgressFeed
from datasync_spider.progress.panel import Warned, panel

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from rich.console import RenderableType
    from scrapy.crawler import Crawler

_REDRAW_SECONDS = 0.25


class LiveViewExtension:
    """Takes the place of the progress lines where standard error is a terminal."""

    def __init__(self, feed: ProgressFeed) -> None:
        self._feed = feed
        self._warnings = _LastWarning()
        self._screen: _Screen | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = Config.from_settings(crawler.settings)
        if not wants_live_view(
            is_terminal=sys.stderr.isatty(),
            terminal_type=os.environ.get("TERM", ""),
            log_format=config.log_format,
            log_file=crawler.settings.get("LOG_FILE"),
            log_enabled=crawler.settings.getbool("LOG_ENABLED"),
        ):
            raise NotConfigured
        extension = cls(ProgressFeed.from_crawler(crawler))
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._end, scrapy_signals.spider_closed)
        # A second stop signal ends the event loop without closing the spider.
        crawler.signals.connect(extension._end, signals.loop_ended)
        return extension

    def _run_opened(self, **_: Any) -> None:
        logging.getLogger().addHandler(self._warnings)
        self._screen = _Screen(self._picture)
        self._redraw()

    def _picture(self) -> RenderableType:
        return panel(self._feed.state, self._warnings.last, time.monotonic())

    def _redraw(self) -> None:
        assert self._screen is not None
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


class _Screen:
    """The picture at the bottom of the terminal, and the log's way past it."""

    def __init__(self, picture: Callable[[], RenderableType]) -> None:
        self._console = Console(file=sys.stderr)
        self._live = Live(
            console=self._console,
            get_renderable=picture,
            # Drawn from the event loop, where the model that is drawn changes too.
            auto_refresh=False,
            transient=True,
            # Standard output is the user's, such as for an export.
            redirect_stdout=False,
        )
        self._handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, LogHandler) and not handler.writes_file
        ]
        above = cast("TextIO", _Above(self._console))
        self._live.start()
        self._streams = [handler.setStream(above) for handler in self._handlers]
        for handler in self._handlers:
            handler.addFilter(_is_not_drawn)

    def redraw(self) -> None:
        self._live.refresh()

    def close(self) -> None:
        for handler, stream in zip(self._handlers, self._streams, strict=True):
            handler.removeFilter(_is_not_drawn)
            if stream is not None:
                handler.setStream(stream)
        try:
            self._live.stop()
        except OSError:
            # The terminal has gone; there is nothing to give back.
            return


def _is_not_drawn(record: logging.LogRecord) -> bool:
    return record.name != PROGRESS_LOGGER


class _Above(io.TextIOBase):
    """Prints whole lines above the picture, as they are: no markup, no colours, wrapped by the terminal alone."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        # The log handler writes a record with its line end at once.
        self._console.print(Text(text.removesuffix("\n")), soft_wrap=True)
        return len(text)


class _LastWarning(logging.Handler):
    """Remembers the last warning, with its secrets taken out."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Warned | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogHandler):
                text = handler.redactor.redact(text)
        self.last = Warned(text, time.monotonic())
