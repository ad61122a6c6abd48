"""Downloader middlewares as a user might write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from scrapy import Request
from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scrapy.crawler import Crawler
    from scrapy.http import Response


class CountAndMark:
    """Counts what passes, and marks requests."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        request.headers["X-Marked"] = "yes"
        self._crawler.stats.inc_value("user/requests")

    def process_response(self, request: Request, response: Response) -> Response:
        assert request.headers["X-Marked"] == b"yes"
        self._crawler.stats.inc_value("user/responses")
        return response


class RefuseThird:
    """Wants nothing of the third request."""

    def __init__(self) -> None:
        self._requests = 0

    def process_request(self, request: Request) -> None:
        self._requests += 1
        if self._requests == 3:
            raise IgnoreRequest("not this one")


class LoseRequestsOfTenant:
    """A spider middleware that hands no request for a second page of tenant d on."""

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in result:
            if not (isinstance(one, Request) and "/d/" in one.url):
                yield one
