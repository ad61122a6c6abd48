"""Item pipelines as a user might write them."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem

from datasync_spider import signals
from datasync_spider.items import EventPage
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class KeepClicks:
    """Filters by content, through itemadapter."""

    def process_item(self, item: Any) -> Any:
        adapter = ItemAdapter(item)
        adapter["events"] = [event for event in adapter["events"] if b'"type":"click"' in event.payload]
        return item


class DropSecondPage:
    """Wants nothing of one page."""

    def process_item(self, item: EventPage) -> EventPage:
        if item.number == 2:
            raise DropItem("not this one")
        return item


class FailOnThirdPage:
    """Has a bug."""

    def process_item(self, item: EventPage) -> EventPage:
        if item.number == 3:
            raise ZeroDivisionError("a bug in a user's pipeline")
        return item


class HoldFirstPage:
    """Lets later pages overtake the first one."""

    def __init__(self) -> None:
        self._others = asyncio.Event()

    async def process_item(self, item: EventPage) -> EventPage:
        if item.number == 1:
            await self._others.wait()
        elif item.number == 3:
            self._others.set()
        return item


class SpoilIds:
    """Makes ids of its own, and not all of them well: of three events one is spoiled, in turn each in another way."""

    _SPOILED: tuple[Any, ...] = ("a\0b", "", "a\ud800", 7, "x" * 1_001)

    def process_item(self, item: EventPage) -> EventPage:
        for place, event in enumerate(item.events):
            if place % 3 == 0:
                event.event_id = self._SPOILED[place // 3 % len(self._SPOILED)]
        return item


class PutDictionaries:
    """Takes an event for its payload."""

    def process_item(self, item: EventPage) -> EventPage:
        if item.number == 3:
            item.events = [json.loads(event.payload) for event in item.events]
        return item


class LoseThirdPage:
    """Forgets to hand a page on."""

    def process_item(self, item: EventPage) -> EventPage | None:
        return None if item.number == 3 else item


class SpoilSomeTenants:
    """Fails on a page of one tenant, forgets to hand on another's, and wants none of a third one's.

    Of others it makes pages of its own, in one way and in another.
    """

    def process_item(self, item: EventPage) -> EventPage | None:
        tenant = json.loads(item.events[0].payload)["tenant"] if item.number == 2 else None
        if tenant == "a":
            raise ZeroDivisionError("a bug in a user's pipeline")
        if tenant == "c":
            raise DropItem("not this one")
        if tenant == "e":
            return dataclasses.replace(item)
        if tenant == "f":
            return copy.copy(item)
        return None if tenant == "b" else item


class HoldEveryPage:
    """Lets no page go before the crawl is to stop, and says which it has."""

    def __init__(self, crawler: Crawler) -> None:
        self._stopped = asyncio.Event()
        crawler.signals.connect(self.stop, signals.stop_requested)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def stop(self, **_: Any) -> None:
        self._stopped.set()

    async def process_item(self, item: EventPage) -> EventPage:
        logger.warning("page %d is held", item.number)
        await self._stopped.wait()
        return item


class HoldTenantUntilAnotherIsThrough:
    """Lets no second page of tenant a go before the last one of tenant b has come."""

    def __init__(self) -> None:
        self._is_through = asyncio.Event()

    async def process_item(self, item: EventPage) -> EventPage:
        tenant = json.loads(item.events[0].payload)["tenant"]
        if tenant == "a" and item.number == 2:
            logger.warning("page %d is held", item.number)
            await self._is_through.wait()
        if tenant == "b" and item.ends_pass is not None:
            self._is_through.set()
        return item


class HoldSecondPages:
    """Lets no second page go, whatever happens, and says that it has one."""

    async def process_item(self, item: EventPage) -> EventPage:
        if item.number == 2:
            logger.warning("page %d is held", item.number)
            await asyncio.Event().wait()
        return item


class BlockUntilNextIsAsked:
    """Keeps the event loop from doing anything else until the request for what follows is with the server.

    The server says so by a file with the cursor's name in the folder of the setting ``ASKED_IN``.
    """

    def __init__(self, asked_in: Path) -> None:
        self._asked_in = asked_in

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Path(crawler.settings["ASKED_IN"]))

    def process_item(self, item: EventPage) -> EventPage:
        if item.next_cursor is not None:
            eventually((self._asked_in / item.next_cursor).exists, seconds=20, what="the next request")
        return item
