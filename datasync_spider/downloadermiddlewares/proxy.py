"""Names the proxy for the API, which Scrapy's own middleware behind this one then takes the password out of.

Scrapy's would choose by itself, but knows neither ``all_proxy`` nor all forms of ``no_proxy``, and would ask the mock
that was started beside the crawl through a proxy that cannot reach it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import NotConfigured

from datasync_spider.config.proxies import proxy_for

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler


class ProxyChoiceMiddleware:
    """One for all requests to an address, as long as the crawl lasts: to look in the environment takes its time."""

    def __init__(self) -> None:
        self._chosen: dict[str, str | None] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("HTTPPROXY_ENABLED"):
            raise NotConfigured
        return cls()

    async def process_request(self, request: Request) -> None:
        plan = request.meta["sync"].plan
        url = plan.base_url_text
        if url not in self._chosen:
            self._chosen[url] = None if plan.is_bundled_mock else proxy_for(url)
        request.meta.setdefault("proxy", self._chosen[url])
