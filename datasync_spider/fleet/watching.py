"""Feeds what a process with many syncs shows of itself: its model, and how fresh its slices are, from the database.

Invariant: nothing of it holds a sync up or ends one. The database is asked every few seconds, and only where somebody
is shown the answer; that it does not answer is what there is to be shown then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from datasync_spider import signals
from datasync_spider.errors import ConnectionsBusy, StorageError
from datasync_spider.faces.exitreport.printing import redacted
from datasync_spider.faces.exitreport.several import status_of, why_of
from datasync_spider.faces.progress.feed import progress_of
from datasync_spider.faces.progress.many import Many, Place
from datasync_spider.faces.progress.readiness import ASK_EVERY_SECONDS, NAMED, Asked, readiness
from datasync_spider.storage.freshness import Freshness, read_freshness
from datasync_spider.storage.pool import Use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from scrapy.crawler import Crawler

    from datasync_spider.fleet.sidebyside import Synced
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 5.0


class Watching:
    """``kept``: what is to be kept fresh at the moment, each slice with its stream before it; None: nothing ever is."""

    def __init__(self, services: Services, kept: Callable[[], Collection[tuple[str, str]]] | None) -> None:
        now = time.monotonic()
        self.many = Many(now)
        self._asked = Asked(now)
        self._services = services
        self._kept = kept

    # From the crawls

    def made(self, crawler: Crawler) -> None:
        """A stream's crawler, before it crawls."""
        crawler.signals.connect(self._run_opened, signals.run_opened)
        crawler.signals.connect(self._batch_committed, signals.batch_committed)

    def begins(self, plan: SyncPlan) -> None:
        self.many.began(_place(plan))

    def ended(self, synced: Synced) -> None:
        end = synced.end
        self.many.ended(_place(synced.plan), status_of(end), redacted(why_of(end)), time.monotonic())

    def _run_opened(self, sync: SliceSync, sender: Crawler, **_: Any) -> None:
        self.many.opened(_place(sync.plan), progress_of(sender, sync))

    def _batch_committed(self, **_: Any) -> None:
        self._asked.committed(time.monotonic())

    # From the database

    def ask_for_ever(self) -> None:
        """From now on, in the event loop, as long as that runs."""
        slices = [] if self._kept is None else list(self._kept())
        asking = self._services.worker().submit(lambda: self._ask(slices))
        asking.add_done_callback(self._answered)

    def readiness(self) -> dict[str, Any]:
        """For ``/readyz``."""
        return readiness(self.many, self._asked, time.monotonic(), time.time())

    def _ask(self, slices: list[tuple[str, str]]) -> Freshness:
        # The last one that is free will do: what others do with theirs is no answer.
        taking = self._services.pool.connected(Use.LOOKING_ON, wait_seconds=_WAIT_SECONDS, connect_timeout_seconds=2)
        with taking as connection:
            return read_freshness(connection, slices, NAMED)

    def _answered(self, asking: asyncio.Future[Freshness]) -> None:
        now, error = time.monotonic(), asking.exception()
        if error is None:
            self._asked.answered(now)
            if self._kept is not None:
                self.many.freshness_known(asking.result(), now)
        elif isinstance(error, ConnectionsBusy):
            self._asked.busy(redacted(str(error)), now)
        else:
            self._asked.failed(redacted(str(error)), now)
            if not isinstance(error, StorageError):
                logger.error("how fresh the slices are cannot be asked", exc_info=error)
        asyncio.get_running_loop().call_later(ASK_EVERY_SECONDS, self.ask_for_ever)


def _place(plan: SyncPlan) -> Place:
    return Place(plan.source.name, plan.spec.name, plan.spec.slice)
