"""Scrapy's way through the downloader's middlewares, without making awaitable what is so already.

Scrapy asks of each result what kind of a thing it is, and of each method its name for a warning that nearly never
comes, in six calls for one of a middleware. Here only what is neither a coroutine nor None goes that way.

Invariant: middlewares are called in Scrapy's order, and what they may give back is what Scrapy lets them.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.exceptions import _InvalidOutput
from scrapy.http import Response
from scrapy.utils.defer import ensure_awaitable
from scrapy.utils.python import global_object_name

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Self

    from scrapy.crawler import Crawler


class QuickMiddlewares(DownloaderMiddlewareManager):
    """What raises goes Scrapy's way."""

    @classmethod
    def of(cls, manager: DownloaderMiddlewareManager, crawler: Crawler) -> Self:
        """With the middlewares that another one has made."""
        return cls(*manager.middlewares, crawler=crawler)

    async def _process_request(
        self, request: Request, download_func: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response | Request:
        for method in self.methods["process_request"]:
            assert method is not None
            result = await self._result(method, request=request)
            if result is not None:
                if not isinstance(result, Response | Request):
                    raise _invalid(method, "None, Response or Request", result)
                return result
        return await download_func(request)

    async def _process_response(self, response: Response | Request, request: Request) -> Response | Request:
        if isinstance(response, Request):
            return response
        if response is None:
            raise TypeError("Received None in process_response")
        for method in self.methods["process_response"]:
            assert method is not None
            response = await self._result(method, request=request, response=response)
            if not isinstance(response, Response):
                if not isinstance(response, Request):
                    raise _invalid(method, "Response or Request", response)
                return response
        return response

    async def _result(self, method: Callable[..., Any], **arguments: Any) -> Any:
        if method in self._mw_methods_requiring_spider:
            arguments["spider"] = self._spider
        result = method(**arguments)
        if isinstance(result, CoroutineType):
            return await result
        return None if result is None else await ensure_awaitable(result, _warn=global_object_name(method))


def _invalid(method: Callable[..., Any], expected: str, got: object) -> _InvalidOutput:
    return _InvalidOutput(f"Middleware {method.__qualname__} must return {expected}, got {type(got).__name__}")
