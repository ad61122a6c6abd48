"""The terminal that a picture is drawn on: the log scrolls above it, and it is given back as it was.

Invariant: nothing here ends the run; what a terminal that goes away raises is the caller's to judge.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Collection
from typing import TextIO, cast

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from datasync_spider.logs import LogHandler


class Screen:
    """The picture at the bottom of the terminal, and the log's way past it.

    ``drawn``: loggers whose lines, up to INFO, the picture says.
    """

    def __init__(self, picture: Callable[[], RenderableType], drawn: Collection[str]) -> None:
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
        self._filter = _NotDrawn(frozenset(drawn))
        self._streams = [handler.setStream(above) for handler in self._handlers]
        for handler in self._handlers:
            handler.addFilter(self._filter)

    def redraw(self) -> None:
        self._live.refresh()

    def close(self) -> None:
        for handler, stream in zip(self._handlers, self._streams, strict=True):
            handler.removeFilter(self._filter)
            if stream is not None:
                handler.setStream(stream)
        try:
            self._live.stop()
        except OSError:
            # The terminal has gone; there is nothing to give back.
            return


class _NotDrawn(logging.Filter):
    def __init__(self, drawn: frozenset[str]) -> None:
        super().__init__()
        self._drawn = drawn

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or record.name not in self._drawn


class _Above(io.TextIOBase):
    """Prints whole lines above the picture, as they are: no markup, no colours, wrapped by the terminal alone."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        # The log handler writes a record with its line end at once.
        self._console.print(Text(text.removesuffix("\n")), soft_wrap=True)
        return len(text)
