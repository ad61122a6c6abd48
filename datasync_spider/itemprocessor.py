"""Takes pages through the item pipelines and counts those that have been through all.

Scrapy counts by a handler of the signal ``item_scraped``, and makes a task for each handler and item, which takes the
event loop several turns more for each small page. The signal is sent as ever, to whoever asks for it.

Invariant: ``item_scraped_count`` is what Scrapy's own would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.extensions.corestats import CoreStats
from scrapy.pipelines import ItemPipelineManager

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler


class CountingItemProcessor(ItemPipelineManager):
    """In Scrapy's setting ITEM_PROCESSOR."""

    async def process_item_async(self, item: Any) -> Any:
        processed = await super().process_item_async(item)
        assert self.crawler is not None
        self.crawler.stats.inc_value("item_scraped_count")
        return processed


class CoreStatsWithoutItems(CoreStats):
    """In the place of Scrapy's own extension: all of its stats but the one that is counted here."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        core_stats = super().from_crawler(crawler)
        crawler.signals.disconnect(core_stats.item_scraped, signals.item_scraped)
        return core_stats
