"""Looks at the API once, with the first page that a live crawl fetches anyway, and logs what it reports.

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
from datasync_spider.sync.plan import config_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)


class DiscoveryExtension:
    """``on_resume``: look also where the stream is known already."""

    def __init__(self, crawler: Crawler, *, on_resume: bool) -> None:
        self._crawler = crawler
        self._on_resume = on_resume
        self._waiting: set[SliceSync] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = config_of(crawler)
        if not config.is_live:
            raise NotConfigured
        extension = cls(crawler, on_resume=config.live_discovery_on_resume)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _run_opened(self, run: OpenRun, sync: SliceSync, **_: Any) -> None:
        is_first = run.resume.begins_pass and run.resume.pass_number == 1
        # What a source's file says of its API is not to be found out any more.
        if sync.plan.is_built_in and (is_first or self._on_resume):
            if not self._waiting:
                self._crawler.signals.connect(self._response_received, scrapy_signals.response_received)
            self._waiting.add(sync)

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        self._let_go(sync)

    def _let_go(self, sync: SliceSync) -> None:
        if sync in self._waiting:
            self._waiting.remove(sync)
            if not self._waiting:
                self._crawler.signals.disconnect(self._response_received, scrapy_signals.response_received)

    def _response_received(self, response: Response, **_: Any) -> None:
        sync: SliceSync = response.meta["sync"]
        if sync not in self._waiting or response.meta.get("page") is None:
            return
        self._let_go(sync)
        plan = sync.plan
        from datasync_spider.ops.discovery.discovered import as_lines, as_report, summary  # noqa: PLC0415 - as above
        from datasync_spider.ops.discovery.examine import examine  # noqa: PLC0415 - a part of the start, where it is asked for

        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        config = plan.config
        found = examine(
            plan.pages,
            response.url,
            response.status,
            headers,
            response.body,
            time.time(),
            config.page_limit,
        )
        report = as_report(found, plan.secrets)
        logger.info("the API as its first page shows it: %s", summary(report))
        for text in report["does_not_fit"]:
            logger.warning("discovery: %s", text)
        for line in as_lines(report):
            logger.debug("discovery: %s", line)
