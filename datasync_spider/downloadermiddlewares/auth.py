"""Adds the API key, and keeps it where it belongs.

Invariant: no request leaves for another origin than the configured one, with the key or without it. Everything that
this project fetches is the API's, so a URL of any other origin is a mistake or an attack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.api.endpoint import origin, same_origin
from datasync_spider.config import Config
from datasync_spider.errors import OriginRefused

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

_HEADER = "X-API-Key"


class AuthMiddleware:
    """``api_key`` None: the API wants none (the mock)."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._base_url = base_url
        self._api_key = api_key

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        config = Config.from_settings(crawler.settings)
        return cls(config.base_url_text, config.api_key)

    async def process_request(self, request: Request) -> None:
        if not same_origin(request.url, self._base_url):
            raise OriginRefused(
                f"a request to {_printable_origin(request.url)} was refused: the API is at {origin(self._base_url)}"
            )
        if self._api_key is not None:
            request.headers[_HEADER] = self._api_key


def _printable_origin(url: str) -> str:
    try:
        return origin(url)
    except ValueError:
        return "a URL that is not http or https"
