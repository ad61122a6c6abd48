"""Draws a picture again and again, from the event loop, until it is ended or the terminal has gone.

Invariant: the terminal is given back as it was, and one that goes away ends the drawing and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from datasync_spider.faces.liveview.panel import Warned
from datasync_spider.faces.liveview.screen import Screen
from datasync_spider.logs import LogHandler

if TYPE_CHECKING:
    from rich.console import RenderableType

_REDRAW_SECONDS = 0.25


class Drawing:
    """``picture`` is given the last warning. To be made in the event loop, where it begins at once.

    ``drawn``: loggers whose lines, up to INFO, the picture says.
    """

    def __init__(self, picture: Callable[[Warned | None], RenderableType], drawn: Collection[str]) -> None:
        self._warnings = _LastWarning()
        self._timer: asyncio.TimerHandle | None = None
        logging.getLogger().addHandler(self._warnings)
        self._screen: Screen | None = Screen(lambda: picture(self._warnings.last), drawn)
        self._redraw()

    def _redraw(self) -> None:
        assert self._screen is not None
        if not sys.stderr.isatty():
            # It was one. Standard error raises nothing where there is no terminal any more.
            self.end()
            return
        try:
            self._screen.redraw()
        except OSError:
            self.end()
        else:
            self._timer = asyncio.get_running_loop().call_later(_REDRAW_SECONDS, self._redraw)

    def end(self) -> None:
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
        self.last: Warned | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogHandler):
                text = handler.redactor.redact(text)
        self.last = Warned(text, time.monotonic())
