"""Extensions as a user might write them."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from datasync_spider import signals

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class SmallFiles:
    """As if the disk were full for each file of this process that grows beyond 100,000 bytes."""

    @classmethod
    def from_crawler(cls, _: Crawler) -> Self:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        return cls()


class WhatIsLeft:
    """Logs how many objects of the package's, and tasks, there are when a sync has been opened."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls()
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        return extension

    def _run_opened(self, **_: Any) -> None:
        gc.collect()
        kinds = Counter(type(one).__name__ for one in gc.get_objects() if type(one).__module__.startswith("datasync_"))
        logger.warning("left %s", sorted({**kinds, "tasks": len(asyncio.all_tasks())}.items()))
