"""Keeps the view with typed columns of a stream up, where its source says ``columns = "auto"``, when a run has ended.

Invariant: nothing of the run depends on it. It has ended before, by its own row; what goes wrong here is said, and the
next run, or ``scrapy schema --apply``, does it. After a signal to stop it is not begun.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from datasync_spider import signals
from datasync_spider.errors import StorageError
from datasync_spider.storage.batch import Committed
from datasync_spider.storage.viewkeeping import keep_up
from datasync_spider.storage.views import Applied
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.storage.pool import Pool
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 2
# The end of a sync waits for it so long, whatever hangs.
_MOST_SECONDS = 10.0
_NAMED = 5


class TypedViewExtension:
    """See the module's text. One slice's sync after the other: they share the stream's view."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._pending: dict[SliceSync, asyncio.Event] = {}
        self._have_committed: WeakSet[SliceSync] = WeakSet()
        self._have_new: WeakSet[SliceSync] = WeakSet()
        self._turn = asyncio.Lock()
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension._run_opened, signals.run_opened)
        crawler.signals.connect(extension._committed, signals.batch_committed)
        crawler.signals.connect(extension._stop, signals.stop_requested)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    async def done_with(self, sync: SliceSync) -> None:
        """Returns when nothing is done with the view any more, on behalf of this sync."""
        if (pending := self._pending.get(sync)) is not None:
            await pending.wait()

    def _run_opened(self, sync: SliceSync, **_: Any) -> None:
        if sync.plan.stream.keeps_view:
            self._pending[sync] = asyncio.Event()

    def _committed(self, summary: Committed, sync: SliceSync, **_: Any) -> None:
        if sync not in self._pending:
            return
        self._have_committed.add(sync)
        # Of a mutable stream what is known may be another version.
        if summary.counts.inserted > 0 or sync.plan.stream.mutable:
            self._have_new.add(sync)

    def _stop(self, **_: Any) -> None:
        self._is_stopped = True

    async def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        if (pending := self._pending.get(sync)) is None:
            return
        try:
            if sync in self._have_committed:
                async with self._turn:
                    await self._bring_up_to_date(sync.plan, has_new=sync in self._have_new)
        finally:
            del self._pending[sync]
            pending.set()

    async def _bring_up_to_date(self, plan: SyncPlan, *, has_new: bool) -> None:
        if self._is_stopped:
            return
        services = services_of(self._crawler)
        try:
            work = partial(_keep_up, services.pool, plan, has_new=has_new)
            applied = await asyncio.wait_for(services.worker().submit(work), _MOST_SECONDS)
        except (StorageError, TimeoutError) as error:
            why = str(error) or f"PostgreSQL did not answer within {_MOST_SECONDS:g} s"
            logger.warning("the view of the stream %s was not brought up to date: %s", plan.spec.name, why)
        else:
            _tell(applied)


def _keep_up(pool: Pool, plan: SyncPlan, *, has_new: bool) -> Applied | None:
    with pool.connected(connect_timeout_seconds=_CONNECT_SECONDS) as connection:
        return keep_up(connection, plan.spec.name, plan.stream.columns, has_new=has_new)


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
