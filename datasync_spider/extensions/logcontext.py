"""Puts the run and its stream on every line of a log that is meant for programs, whoever writes the line.

What a single line is about, such as a page, is given by its writer, and wins. In a log for people the first line of a
run tells both, and repeating them would only push the message out of sight.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.logs import LogHandler
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.storage.runs import OpenRun


class LogContextExtension:
    """From the opening of the run until the engine has stopped."""

    def __init__(self) -> None:
        self._filters: list[tuple[LogHandler, _Context]] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if plan_of(crawler).config.log_format != "json":
            raise NotConfigured
        extension = cls()
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._engine_stopped, scrapy_signals.engine_stopped)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        context = _Context({"run_id": run.run_id, "stream": run.slice.stream})
        for handler in logging.getLogger().handlers:
            if isinstance(handler, LogHandler):
                handler.addFilter(context)
                self._filters.append((handler, context))

    def _engine_stopped(self, **_: Any) -> None:
        for handler, context in self._filters:
            handler.removeFilter(context)


class _Context(logging.Filter):
    """Adds fields to a record and lets every record pass."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__()
        self._fields = fields

    def filter(self, record: logging.LogRecord) -> bool:
        record.datasync = {**self._fields, **getattr(record, "datasync", {})}
        return True
