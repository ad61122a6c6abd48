"""Scrapy's feed exports (``-o``, ``-O``, the setting FEEDS), none of which fails unheard.

Invariant: an export is stored whole or counts as failed, in the stat that the exit code is made from. Its trouble
costs no other export a page, and the database nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy import Spider, signals
from scrapy.exceptions import NotConfigured
from scrapy.extensions import feedexport

from datasync_spider.errors import ExportRefused
from datasync_spider.extensions.guardedstorage import GuardedStorage, guarded
from datasync_spider.observe import stats

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)


class FeedExporter(feedexport.FeedExporter):
    """In the place of Scrapy's own extension."""

    def __init__(self, crawler: Crawler) -> None:
        try:
            super().__init__(crawler)
            self.storages = {scheme: guarded(kind) for scheme, kind in self.storages.items()}
        except Exception as error:
            if not crawler.settings["FEEDS"] and not crawler.settings["FEED_URI"]:
                raise
            # Scrapy would crawl without any export.
            crawler.stats.set_value(stats.REFUSED, ExportRefused.reason)
            why = "see the line above" if isinstance(error, NotConfigured) else str(error)
            raise ExportRefused(f"the exports that are asked for cannot be made: {why}") from error
        self._unstored: set[feedexport.FeedSlot] = set()
        self._failures: dict[str, str] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        exporter = super().from_crawler(crawler)
        crawler.signals.connect(exporter.slot_closed, signals.feed_slot_closed)
        return exporter

    def item_scraped(self, item: Any, spider: Spider) -> None:
        """One feed after the other, so that an error in one is none in the next."""
        slots = []
        for slot in self.slots:
            if slot.uri in self._failures:
                slots.append(slot)
                continue
            self.slots = [slot]
            try:
                super().item_scraped(item, spider)
            except Exception as error:  # noqa: BLE001 - whatever it is, this export is not whole
                self._fail(slot, error)
            if slot.itemcount:
                self._unstored.add(slot)
            self._note(slot)
            slots += self.slots
        self.slots = slots

    async def close_spider(self, spider: Spider) -> None:
        if self.crawler.stats.get_value(stats.RUN_ID) is None:
            # A crawl that was refused must not put an empty file in the place of a full one.
            self.slots = []
        self._unstored.update(slot for slot in self.slots if slot.store_empty and slot.batch_id == 1)
        await super().close_spider(spider)
        for slot in self._unstored:
            self._fail(slot, RuntimeError("its last records could not be written"))
            _guard(slot).abandon()

    def slot_closed(self, slot: feedexport.FeedSlot) -> None:
        self._unstored.discard(slot)
        self._note(slot)

    def _fail(self, slot: feedexport.FeedSlot, error: Exception) -> None:
        _guard(slot).fail(error)
        self._note(slot)

    def _note(self, slot: feedexport.FeedSlot) -> None:
        why = _guard(slot).failure
        if why is None or slot.uri in self._failures:
            return
        self._failures[slot.uri] = why
        logger.error("the export to %s failed, and nothing of it is kept: %s; the crawl itself goes on", slot.uri, why)
        self.crawler.stats.set_value(stats.EXPORTS_FAILED, dict(self._failures))


def _guard(slot: feedexport.FeedSlot) -> GuardedStorage:
    """All storages were guarded before there was a slot."""
    storage: object = slot.storage
    assert isinstance(storage, GuardedStorage)
    return storage
