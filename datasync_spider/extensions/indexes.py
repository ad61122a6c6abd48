"""Makes the indexes that a source asks for, when a run has ended and all of the stream was synced once.

Invariant: nothing of the run depends on it. It has ended before, by its own row; what goes wrong here is said, and the
next run makes it. A signal to stop ends it at once. The view of the stream, of whose columns they are, comes first.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.errors import StorageError
from datasync_spider.extensions.typedview import TypedViewExtension
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.indexes import cancel, make_indexes
from datasync_spider.storage.pool import Use
from datasync_spider.sync.plan import SyncPlan, plan_of
from datasync_spider.sync.services import Services, services_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 2
# Whoever holds an old transaction open keeps an index from being finished, for ever if need be.
_MOST_SECONDS = 3_600.0


class IndexesExtension:
    """See the module's text."""

    def __init__(self, plan: SyncPlan, services: Services) -> None:
        self._plan = plan
        self._services = services
        self._connection: Connection | None = None
        self._is_stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        if not any(column.is_indexed for column in plan.stream.columns):
            raise NotConfigured
        extension = cls(plan, services_of(crawler))
        crawler.signals.connect(extension._stop, signals.stop_requested)

        async def closed(**_: Any) -> None:
            view = crawler.get_extension(TypedViewExtension)
            if view is not None:
                await view.ended.wait()
            await extension._closed()

        crawler.signals.connect(closed, scrapy_signals.spider_closed, weak=False)
        return extension

    def _stop(self, **_: Any) -> None:
        self._is_stopped = True
        self._services.pool.look_again()
        if self._connection is not None:
            cancel(self._connection)

    async def _closed(self) -> None:
        if self._is_stopped:
            return
        try:
            await asyncio.wait_for(self._services.long_work.submit(self._make), _MOST_SECONDS)
        except (StorageError, TimeoutError) as error:
            why = str(error) or f"they were not finished within {_MOST_SECONDS:g} s"
            logger.warning("not all indexes of the stream %s are made, the next run tries again: %s", self._name, why)
            if self._connection is not None:
                cancel(self._connection)

    def _make(self) -> None:
        if self._is_stopped:
            return
        taking = self._services.pool.connected(
            Use.WAITING,
            wait_seconds=None,
            connect_timeout_seconds=_CONNECT_SECONDS,
            is_given_up=lambda: self._is_stopped,
        )
        with taking as connection:
            self._connection = connection
            try:
                if not self._is_stopped:
                    make_indexes(connection, self._name, self._plan.stream.columns)
            finally:
                self._connection = None

    @property
    def _name(self) -> str:
        return self._plan.spec.name
