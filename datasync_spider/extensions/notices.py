"""Notes how the crawl's sync has ended, for when the next one is due and for whoever is to be reported of it.

Invariant: it comes after the run's row is ended, and nothing of the crawl depends on it. After a signal to stop it does
nothing: what is stopped is as due as before, and a process that is to end is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.fleet.notices.notifying import Notifier
from datasync_spider.observe import stats
from datasync_spider.process.workers import Worker
from datasync_spider.storage.due import SliceKey
from datasync_spider.sync.plan import plan_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from datasync_spider.storage.runs import OpenRun


class NoticesExtension:
    """Of one slice's sync. A backfill is none."""

    def __init__(self, crawler: Crawler, key: SliceKey, notifier: Notifier, worker: Worker) -> None:
        self._crawler = crawler
        self._key = key
        self._notifier = notifier
        self._worker = worker
        self._run_id: int | None = None
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        if plan.is_backfill or (plan.config.notify_url is None and plan.every_seconds is None):
            raise NotConfigured
        worker = Worker("datasync-notices")
        key = SliceKey(plan.source.name, plan.spec.name, plan.spec.slice)
        extension = cls(crawler, key, Notifier(plan.config, worker), worker)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._stop_requested, signals.stop_requested)
        crawler.signals.connect(extension._spider_closed, scrapy_signals.spider_closed)
        return extension

    def _run_opened(self, run: OpenRun, **_: Any) -> None:
        self._run_id = run.run_id

    def _stop_requested(self, **_: Any) -> None:
        self._is_stopped = True

    async def _spider_closed(self, **_: Any) -> None:
        refused = None if self._run_id is not None else self._crawler.stats.get_value(stats.REFUSED)
        if not self._is_stopped and (self._run_id is not None or refused is not None):
            await self._notifier.sync_ended(self._key, run_id=self._run_id, refused=refused)
        self._worker.close()
