"""The limit of a request by Scrapy: a spider as its tutorial has one, which parses each page and stores nothing.

``python -m bench.limits.plain_scrapy BASE_URL LIMIT`` follows the feed to its end. Scrapy's defaults but for the event
loop, which is the one that our crawls have. Nothing is retried by a plan, paced, kept or written, so what our crawl
takes beyond it is all that it does for a page.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response, TextResponse

from bench.feed import Asked, Feed
from bench.processes import Finished, run
from bench.served import PROJECT


def follow(feed: Feed, limit: int, directory: Path) -> tuple[Finished, Asked]:
    """The spider as a process of its own, and what the API saw of it."""
    feed.forget()
    command = [sys.executable, "-m", __name__, feed.base_url, str(limit)]
    done = run(command, directory / "plain-scrapy.log", cwd=PROJECT)
    return done, feed.asked()


class _Plain(Spider):
    name = "plain"

    def __init__(self, base_url: str, limit: int) -> None:
        super().__init__()
        self._first = f"{base_url}/events?limit={limit}"

    async def start(self) -> AsyncIterator[Any]:
        yield Request(self._first)

    def parse(self, response: Response) -> Iterator[Any]:
        assert isinstance(response, TextResponse)
        page = response.json()
        if (cursor := page["pagination"]["nextCursor"]) is not None:
            yield Request(f"{self._first}&cursor={quote(cursor, safe='')}")
        yield {"events": page["data"]}


def _main(base_url: str, limit: int) -> None:
    process = AsyncCrawlerProcess({"LOG_LEVEL": "WARNING", "ASYNCIO_EVENT_LOOP": "uvloop.Loop"})
    process.crawl(_Plain, base_url=base_url, limit=limit)
    process.start()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
