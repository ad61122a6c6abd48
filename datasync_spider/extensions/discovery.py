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
from datasync_spider.sync.plan import SyncPlan, plan_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)


class DiscoveryExtension:
    """``on_resume``: look also where the stream is known already."""

    def __init__(self, crawler: Crawler, plan: SyncPlan, *, on_resume: bool) -> None:
        self._crawler = crawler
        self._plan = plan
        self._on_resume = on_resume

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        config = plan.config
        # What a source's file says of its API is not to be found out any more.
        if not config.is_live or not plan.is_built_in:
            raise NotConfigured
        extension = cls(crawler, plan, on_resume=config.live_discovery_on_resume)
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
        from datasync_spider.ops.discovery.discovered import as_lines, as_report, summary  # noqa: PLC0415 - as above
        from datasync_spider.ops.discovery.examine import examine  # noqa: PLC0415 - a part of the start, where it is asked for

        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        config = self._plan.config
        found = examine(
            self._plan.pages,
            response.url,
            response.status,
            headers,
            response.body,
            time.time(),
            config.page_limit,
        )
        report = as_report(found, self._plan.secrets)
        logger.info("the API as its first page shows it: %s", summary(report))
        for text in report["does_not_fit"]:
            logger.warning("discovery: %s", text)
        for line in as_lines(report):
            logger.debug("discovery: %s", line)
