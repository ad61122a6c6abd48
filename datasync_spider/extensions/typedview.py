"""Keeps the view with typed columns of a stream up, where its source says ``columns = "auto"``, when a run has ended.

Invariant: nothing of the run depends on it. It has ended before, by its own row; what goes wrong here is said, and the
next run, or ``scrapy schema --apply``, does it. After a signal to stop it is not begun.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.errors import StorageError
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.viewkeeping import keep_up
from datasync_spider.storage.views import Applied
from datasync_spider.sync.plan import SyncPlan, plan_of
from datasync_spider.sync.services import Services, services_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 2
# The end of a crawl waits for it so long, whatever hangs.
_MOST_SECONDS = 10.0
_NAMED = 5


class TypedViewExtension:
    """See the module's text. ``ended``: nothing is done with the view any more."""

    def __init__(self, plan: SyncPlan, services: Services) -> None:
        self._plan = plan
        self._services = services
        self._has_committed = False
        self._has_new = False
        self._is_stopped = False
        self.ended = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        if not plan.stream.keeps_view:
            raise NotConfigured
        extension = cls(plan, services_of(crawler))
        crawler.signals.connect(extension._committed, signals.batch_committed)
        crawler.signals.connect(extension._stop, signals.stop_requested)
        crawler.signals.connect(extension._closed, scrapy_signals.spider_closed)
        return extension

    def _committed(self, summary: Committed, **_: Any) -> None:
        self._has_committed = True
        # Of a mutable stream what is known may be another version.
        self._has_new = self._has_new or summary.counts.inserted > 0 or self._plan.stream.mutable

    def _stop(self, **_: Any) -> None:
        self._is_stopped = True

    async def _closed(self, **_: Any) -> None:
        try:
            await self._bring_up_to_date()
        finally:
            self.ended.set()

    async def _bring_up_to_date(self) -> None:
        if not self._has_committed or self._is_stopped:
            return
        try:
            applied = await asyncio.wait_for(self._services.worker().submit(self._keep_up), _MOST_SECONDS)
        except (StorageError, TimeoutError) as error:
            why = str(error) or f"PostgreSQL did not answer within {_MOST_SECONDS:g} s"
            logger.warning("the view of the stream %s was not brought up to date: %s", self._plan.spec.name, why)
        else:
            _tell(applied)

    def _keep_up(self) -> Applied | None:
        with self._services.pool.connected(connect_timeout_seconds=_CONNECT_SECONDS) as connection:
            return keep_up(connection, self._plan.spec.name, self._plan.stream.columns, has_new=self._has_new)


def _tell(applied: Applied | None) -> None:
    if applied is None:
        return
    if applied.is_new:
        logger.info("made the view %s with %d typed columns", applied.view, len(applied.added))
    elif applied.added:
        more = f" and {len(applied.added) - _NAMED} more" if len(applied.added) > _NAMED else ""
        logger.info("the view %s has new columns: %s%s", applied.view, ", ".join(applied.added[:_NAMED]), more)
    for note in applied.plan.notes:
        logger.info("the view %s: %s", applied.view, note)
