"""Hands what the user configured to the settings that other people's components read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasync_spider.config import Config

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

_HONEST = "datasync_spider.downloadermiddlewares.useragent.HonestProvider"
_ROTATING = "scrapy_fake_useragent.providers.FakeUserAgentProvider"


class ConfigAddon:
    """Scrapy calls it before any component is made."""

    def update_settings(self, settings: BaseSettings) -> None:
        config = Config.from_settings(settings)
        settings.set("USER_AGENT", config.user_agent, priority="addon")
        # The honest agent stands behind rotation too: where no agent can be drawn, the honest one is sent.
        providers = [_ROTATING, _HONEST] if config.user_agent_rotation else [_HONEST]
        settings.set("FAKEUSERAGENT_PROVIDERS", providers, priority="addon")
