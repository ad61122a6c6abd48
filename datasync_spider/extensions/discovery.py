"""Looks at the API once, with the first page that a live crawl fetches anyway, and logs what it tells.

Invariant: it costs no request, and nothing at all after the first page: then it is not connected any more. What it
says is for people; the crawl never depends on it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Self

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.config import Config

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)


class DiscoveryExtension:
    """``asked``: the page size that requests ask for. ``on_resume``: look also where the stream is known already."""

    def __init__(self, crawler: Crawler, asked: int, secrets: tuple[str, ...], *, on_resume: bool) -> None:
        self._crawler = crawler
        self._asked = asked
        self._secrets = secrets
        self._on_resume = on_resume

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = Config.from_settings(crawler.settings)
        if not config.is_live:
            raise NotConfigured
        extension = cls(crawler, config.page_limit, config.secrets, on_resume=config.live_discovery_on_resume)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        is_first = run.resume.begins_pass and run.resume.pass_number == 1
        if is_first or self._on_resume:
            self._crawler.signals.connect(self._response_received, scrapy_signals.response_received)

    def _response_received(self, response: Response, **_: Any) -> None:
        if response.meta.get("page") is None:
            return
        self._crawler.signals.disconnect(self._response_received, scrapy_signals.response_received)
        from datasync_spider.discovery.examine import examine  # noqa: PLC0415 - a part of the start, where it is asked for
        from datasync_spider.discovery.report import as_lines, as_report, summary  # noqa: PLC0415 - as above

        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        report = as_report(examine(response.status, headers, response.body, time.time(), self._asked), self._secrets)
        logger.info("the API as its first page shows it: %s", summary(report))
        for text in report["does_not_fit"]:
            logger.warning("discovery: %s", text)
        for line in as_lines(report):
            logger.debug("discovery: %s", line)
