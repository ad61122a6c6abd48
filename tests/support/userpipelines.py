"""Item pipelines as a user might write them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem

from datasync_spider.items import EventPage


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
