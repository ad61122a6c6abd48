"""Plans of the built-in API at an address of the test's own."""

from __future__ import annotations

from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.sync.plan import SyncPlan, plan_built_in


def plan_for(base_url: str, **settings: object) -> SyncPlan:
    """By these settings and no others."""
    given = Settings({"API_BASE_URL": base_url, **settings}, priority="cmdline")
    return plan_built_in(Config.from_settings(given, environ={}, env_file=None))
