"""The stream of the API that comes with the project: ``scrapy crawl events``, by the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.spiders.stream import StreamSpider
from datasync_spider.sync.planning import built_in_plans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

    from datasync_spider.sync.plan import SyncPlan


class EventsSpider(StreamSpider):
    """STREAM and SLICE name what is crawled."""

    name = "events"

    @classmethod
    def make_plans(cls, settings: BaseSettings, arguments: Mapping[str, str]) -> list[SyncPlan]:
        """One, of the slice that is named."""
        return built_in_plans(settings, arguments)
