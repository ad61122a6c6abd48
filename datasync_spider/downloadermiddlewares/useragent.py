"""scrapy-fake-useragent's middleware in Scrapy 2.19's shape.

By default its provider is the fixed one, with the honest agent from the settings; rotation is opt-in
(USER_AGENT_ROTATION).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_fake_useragent.middleware import RandomUserAgentMiddleware

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.settings import BaseSettings


class HonestProvider:
    """Gives the agent of the settings. The library's own is the same, in a module that imports thousands of names."""

    def __init__(self, settings: BaseSettings) -> None:
        self._user_agent: str = settings["USER_AGENT"]

    def get_random_ua(self) -> str:
        """The same at each call; the method's name is the library's."""
        return self._user_agent


class UserAgentMiddleware(RandomUserAgentMiddleware):
    """The library's own, but for the ``spider`` argument, which Scrapy no longer passes and the library never uses."""

    async def process_request(self, request: Request) -> None:
        super().process_request(request, None)
