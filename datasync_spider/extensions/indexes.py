"""Makes the indexes that a source asks for, when a run has ended and all of the stream was synced once.

Invariant: nothing of the run depends on it. It has ended before, by its own row; what goes wrong here is said, and the
next run makes it. A signal to stop ends it at once. The view of the stream, of whose columns they are, comes first.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from datasync_spider import signals
from datasync_spider.errors import StorageError
from datasync_spider.extensions.typedview import TypedViewExtension
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.indexes import cancel, make_indexes
from datasync_spider.storage.pool import Use
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 2
# Whoever holds an old transaction open keeps an index from being finished, for ever if need be.
_MOST_SECONDS = 3_600.0


class IndexesExtension:
    """See the module's text. One slice's sync after the other: they share the stream's table."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension._stop, signals.stop_requested)
        crawler.signals.connect(extension._sync_closed, signals.sync_closed)
        return extension

    def _stop(self, **_: Any) -> None:
        self._is_stopped = True
        services_of(self._crawler).pool.look_again()
        if self._connection is not None:
            cancel(self._connection)

    async def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        if not any(column.is_indexed for column in sync.plan.stream.columns):
            return
        view = self._crawler.get_extension(TypedViewExtension)
        if view is not None:
            await view.done_with(sync)
        async with self._turn:
            await self._bring_up_to_date(sync.plan)

    async def _bring_up_to_date(self, plan: SyncPlan) -> None:
        if self._is_stopped:
            return
        name = plan.spec.name
        work = partial(self._make, plan)
        try:
            await asyncio.wait_for(services_of(self._crawler).long_work.submit(work), _MOST_SECONDS)
        except (StorageError, TimeoutError) as error:
            why = str(error) or f"they were not finished within {_MOST_SECONDS:g} s"
            logger.warning("not all indexes of the stream %s are made, the next run tries again: %s", name, why)
            if self._connection is not None:
                cancel(self._connection)

    def _make(self, plan: SyncPlan) -> None:
        if self._is_stopped:
            return
        taking = services_of(self._crawler).pool.connected(
            Use.WAITING,
            wait_seconds=None,
            connect_timeout_seconds=_CONNECT_SECONDS,
            is_given_up=lambda: self._is_stopped,
        )
        with taking as connection:
            self._connection = connection
            try:
                if not self._is_stopped:
                    make_indexes(connection, plan.spec.name, plan.stream.columns)
            finally:
                self._connection = None
