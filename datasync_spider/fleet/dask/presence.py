"""Says in the database that a driver is at work, and where Dask's own page is, for whoever looks on.

Invariant: nothing depends on it. Where the database is away, or does not let it be written, the fleet goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from datasync_spider.errors import StorageError
from datasync_spider.fleet.dask.workers import Workers
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.machines import NOTED_EVERY_SECONDS, Fleet, forget_fleet, note_fleet
from datasync_spider.sync.services import Services

logger = logging.getLogger(__name__)

_LOOKS_EVERY_SECONDS = 0.5
_LEAVES_WITHIN_SECONDS = 1.0


class Presence:
    """Of one driver, from :meth:`begin` to :meth:`end`."""

    def __init__(self, services: Services, workers: Workers) -> None:
        self._pool = services.pool
        self._worker = services.worker()
        self._workers = workers
        self._host = platform.node() or "unknown"
        self._driver = f"{self._host}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        self._task: asyncio.Future[None] | None = None
        self._is_noted = False

    def begin(self) -> None:
        self._task = asyncio.ensure_future(self._go_on())

    async def end(self) -> None:
        """Raises nothing."""
        if self._task is not None:
            self._task.cancel()
        if self._is_noted:
            with suppress(StorageError, TimeoutError):
                async with asyncio.timeout(_LEAVES_WITHIN_SECONDS):
                    await self._submit(lambda connection: forget_fleet(connection, self._driver))

    async def _go_on(self) -> None:
        said: Fleet | None = None
        until = 0.0
        while True:
            fleet = Fleet(self._driver, self._host, self._workers.last_places, self._workers.dashboard_url)
            if fleet != said or time.monotonic() > until:
                await self._note(fleet)
                said, until = fleet, time.monotonic() + NOTED_EVERY_SECONDS
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _note(self, fleet: Fleet) -> None:
        try:
            await self._submit(lambda connection: note_fleet(connection, fleet))
            self._is_noted = True
        except StorageError as error:
            logger.info("that this driver is at work cannot be noted: %s", error)

    def _submit(self, work: Callable[[Connection], None]) -> asyncio.Future[None]:
        def use() -> None:
            with self._pool.connected(connect_timeout_seconds=2) as connection:
                work(connection)

        return self._worker.submit(use)
