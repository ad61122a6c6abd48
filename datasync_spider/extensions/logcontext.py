"""Puts the run and its stream on every line of a log that is meant for programs, whoever writes the line.

What a single line is about, such as a page, is given by its writer, and wins. In a log for people the first line of a
run says both, and repeating them would only push the message out of sight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.logs import context
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.storage.runs import OpenRun


class LogContextExtension:
    """From the opening of the run on; made in the task that all of its crawl's tasks come from."""

    def __init__(self) -> None:
        self._fields = context.begin()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if plan_of(crawler).config.log_format != "json":
            raise NotConfigured
        extension = cls()
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        self._fields.update(run_id=run.run_id, stream=run.slice.stream)
