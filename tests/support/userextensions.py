"""Extensions as a user might write them."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any, Self

from scrapy import signals

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class CountResponses:
    """Counts responses by their signal, and says by which class of Scrapy's or another signals are told."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        crawler.signals.connect(self.count, signals.response_received)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def count(self, **_: Any) -> None:
        self._crawler.stats.inc_value(f"user/by {type(self._crawler.signals).__name__}")


class SmallFiles:
    """As if the disk were full for each file of this process that grows beyond 100,000 bytes."""

    @classmethod
    def from_crawler(cls, _: Crawler) -> Self:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        return cls()
