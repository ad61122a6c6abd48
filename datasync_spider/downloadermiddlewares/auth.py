"""Adds what proves who asks, and keeps it where it belongs.

Invariant: no request leaves for another origin than those of the source, with a credential or without it. Everything
that this project fetches is the API's, so a URL of any other origin is a mistake or an attack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.errors import OriginRefused
from datasync_spider.sources.urls import origin, same_origin
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.sources.spec import Pairs


class AuthMiddleware:
    """``origins``: URLs of all that may be asked, the API's own first. ``headers``: what each request carries."""

    def __init__(self, origins: Sequence[str], headers: Pairs) -> None:
        self._origins = origins
        self._headers = headers

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        return cls(plan.origins, plan.authorization.headers)

    async def process_request(self, request: Request) -> None:
        if not any(same_origin(request.url, allowed) for allowed in self._origins):
            asked, known = _printable_origin(request.url), ", ".join(map(origin, self._origins))
            raise OriginRefused(f"a request to {asked} was refused: the API is at {known}")
        for name, value in self._headers:
            request.headers[name] = value


def _printable_origin(url: str) -> str:
    try:
        return origin(url)
    except ValueError:
        return "a URL that is not http or https"
