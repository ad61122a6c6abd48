"""Extensions as a user might write them."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class SmallFiles:
    """As if the disk were full for each file of this process that grows beyond 100,000 bytes."""

    @classmethod
    def from_crawler(cls, _: Crawler) -> Self:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        return cls()
