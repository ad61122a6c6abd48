"""Names the proxy for the API, which Scrapy's own middleware behind this one then takes the password out of.

Scrapy's would choose by itself, but knows neither ``all_proxy`` nor all forms of ``no_proxy``, and would ask the mock
that was started beside the crawl through a proxy that cannot reach it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import NotConfigured

from datasync_spider.config.proxies import proxy_for
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler


class ProxyChoiceMiddleware:
    """``proxy_url`` None: directly. One for all requests, since no other origin than the API's is ever asked."""

    def __init__(self, proxy_url: str | None) -> None:
        self._proxy_url = proxy_url

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("HTTPPROXY_ENABLED"):
            raise NotConfigured
        plan = plan_of(crawler)
        return cls(None if plan.is_bundled_mock else proxy_for(plan.base_url_text))

    async def process_request(self, request: Request) -> None:
        request.meta.setdefault("proxy", self._proxy_url)
