"""Names the proxy for the API, which Scrapy's own middleware behind this one then takes the password out of.

Scrapy's would choose by itself, but knows neither ``all_proxy`` nor all forms of ``no_proxy``, and would ask the mock
that was started beside the crawl through a proxy that cannot reach it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from scrapy.exceptions import NotConfigured

from datasync_spider.config.proxies import proxy_for

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.sync.slicesync import SliceSync


class ProxyChoiceMiddleware:
    """One for all requests of a sync, since no other origin than the API's is ever asked."""

    def __init__(self) -> None:
        self._chosen: WeakKeyDictionary[SliceSync, str | None] = WeakKeyDictionary()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("HTTPPROXY_ENABLED"):
            raise NotConfigured
        return cls()

    async def process_request(self, request: Request) -> None:
        sync = request.meta["sync"]
        if sync not in self._chosen:
            plan = sync.plan
            self._chosen[sync] = None if plan.is_bundled_mock else proxy_for(plan.base_url_text)
        request.meta.setdefault("proxy", self._chosen[sync])
