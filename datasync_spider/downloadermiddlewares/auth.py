"""Adds what proves who asks, and keeps it where it belongs. The first of ours that a request meets.

Invariant: no request leaves for another origin than those of the source, with a credential or without it. Everything
that this project fetches is the API's, so a URL of any other origin is a mistake or an attack. Nor does one leave of a
sync that is over. What is done with a request from here on is its sync's business, in the log as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

from datasync_spider.errors import OriginRefused
from datasync_spider.sources.urls import origin, same_origin

if TYPE_CHECKING:
    from scrapy import Request

    from datasync_spider.sync.slicesync import SliceSync


class AuthMiddleware:
    """See the module's text."""

    async def process_request(self, request: Request) -> None:
        sync: SliceSync = request.meta["sync"]
        sync.enter()
        if sync.is_over:
            raise IgnoreRequest("its sync is over")
        origins = sync.plan.origins
        if not any(same_origin(request.url, allowed) for allowed in origins):
            asked, known = _printable_origin(request.url), ", ".join(map(origin, origins))
            raise OriginRefused(f"a request to {asked} was refused: the API is at {known}")
        for name, value in sync.plan.authorization.headers:
            request.headers[name] = value


def _printable_origin(url: str) -> str:
    try:
        return origin(url)
    except ValueError:
        return "a URL that is not http or https"
