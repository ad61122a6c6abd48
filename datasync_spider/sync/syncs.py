"""The syncs of one crawl: the one that it is made for, or several that come and go side by side.

Invariant: each is closed once, whatever becomes of it, and is then on no list any more; none ends another. What its
crawl has done with it is in what is reported of it, for its run's row says what it stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from datasync_spider.errors import LeaseHeld, Stalled, Stopped, StorageError, StreamChanged, StreamPaused
from datasync_spider.storage.syncend import Finished

if TYPE_CHECKING:
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)


class Reported(Struct, frozen=True):
    """What a crawl reports of a sync. ``refused``: why there is no run, as a slug, and ``detail`` in words.

    ``exports_failed``: why, by what they were to be written to. ``finished``: what its row says, if that is known.
    """

    run_id: int | None = None
    refused: str | None = None
    detail: str | None = None
    exports_failed: Mapping[str, str] = {}
    finished: Finished | None = None


class Syncs:
    """``closed`` is called with each that has ended, and awaited. ``exports_failed``: those of the crawl so far."""

    def __init__(
        self,
        closed: Callable[[SliceSync, Reported], Awaitable[Any]],
        exports_failed: Callable[[], Mapping[str, str]],
    ) -> None:
        self._closed = closed
        self._exports_failed = exports_failed
        self._open: dict[SliceSync, Reported] = {}
        self._changed = asyncio.Event()
        self._signal_name: str | None = None
        self.is_closing = False
        """Whether the crawl ends: none is begun any more."""

    @property
    def present(self) -> list[SliceSync]:
        """Those that are open, opening or being closed."""
        return list(self._open)

    @property
    def under_way(self) -> list[tuple[Reported, SyncPlan]]:
        """What is reported of those by now."""
        return [(reported, sync.plan) for sync, reported in self._open.items()]

    def reported(self, sync: SliceSync) -> Reported:
        """The same of one of them."""
        return self._open[sync]

    async def run(self, sync: SliceSync, begin: Callable[[], None]) -> Reported:
        """From its opening to its end. ``begin`` asks for what it begins with, and may raise what ends it."""
        sync.enter()
        try:
            if await self.open(sync) is None:
                begin()
                await sync.idle()
        finally:
            reported = await self.close(sync)
        return reported

    async def open(self, sync: SliceSync) -> StorageError | Stalled | Stopped | None:
        """Why it is not open, or is to be closed at once; None where it is."""
        self._open[sync] = Reported()
        try:
            run = await sync.open()
        except Stopped as error:
            return error
        except (StorageError, Stalled) as error:
            if isinstance(error, LeaseHeld | StreamChanged | StreamPaused):
                logger.error("%s", error)
            else:
                logger.error("the run could not be opened: %s", error)
            detail = None if isinstance(error, LeaseHeld) else str(error)
            self._open[sync] = Reported(refused=error.reason, detail=detail)
            return error
        self._open[sync] = Reported(run_id=run.run_id)
        # What came while it was being opened.
        if self._signal_name is not None or self.is_closing:
            return Stopped("stopped while the run was being opened")
        return None

    async def close(self, sync: SliceSync) -> Reported:
        """What there is to be reported of it."""
        try:
            await sync.close()
            reported = replace(self._open[sync], exports_failed=self._exports_failed(), finished=sync.finished)
            await self._closed(sync, reported)
        finally:
            del self._open[sync]
            self._changed.set()
        return reported

    def stop(self, signal_name: str) -> None:
        """All are to stop."""
        self._signal_name = signal_name
        for sync in self.present:
            sync.stop(signal_name)

    async def end(self) -> None:
        """The crawl ends: what is under way will not be answered. Returns when all that :meth:`run` are closed."""
        self.is_closing = True
        while self._open:
            for sync in self.present:
                sync.leave()
            self._changed.clear()
            await self._changed.wait()
