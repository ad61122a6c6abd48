"""Sees to it that each sync's end is noted, for when the next one is due and for the receiver that is to hear of it.

What has a run is noted with the run's end; here, what was refused one, and what could not be noted then.

Invariant: it comes after the run's row is ended, and nothing of the crawl depends on it. After a signal to stop it does
nothing: what is stopped is as due as before, and a process that is to end is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasync_spider import signals
from datasync_spider.fleet.notices.notifying import Notifier
from datasync_spider.storage.due import SliceKey
from datasync_spider.sync.plan import config_of
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.sync.slicesync import SliceSync
    from datasync_spider.sync.syncs import Reported


class NoticesExtension:
    """A backfill is no sync."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(Notifier(config_of(crawler), services_of(crawler)))
        crawler.signals.connect(extension._stop_requested, signals.stop_requested)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _stop_requested(self, **_: Any) -> None:
        self._is_stopped = True

    async def _sync_closed(self, sync: SliceSync, reported: Reported, **_: Any) -> None:
        plan = sync.plan
        if self._is_stopped or not plan.is_kept_fresh:
            return
        if reported.finished is not None and reported.finished.is_noted:
            if plan.config.notify_url is not None:
                await self._notifier.deliver()
        elif reported.run_id is not None or reported.refused is not None:
            key = SliceKey(plan.source.name, plan.spec.name, plan.spec.slice)
            await self._notifier.sync_ended(key, run_id=reported.run_id, refused=reported.refused)
