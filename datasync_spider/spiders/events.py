"""The stream of the API that comes with the project: ``scrapy crawl events``, by the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.config import Config
from datasync_spider.spiders.stream import StreamSpider
from datasync_spider.syncplan import SyncPlan, plan_built_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings


class EventsSpider(StreamSpider):
    """STREAM and SLICE name what is crawled."""

    name = "events"

    @classmethod
    def make_plan(cls, settings: BaseSettings, arguments: Mapping[str, str]) -> SyncPlan:
        """What a crawl with these settings does."""
        plan = plan_built_in(Config.from_settings(settings))
        return narrowed(plan, arguments)
