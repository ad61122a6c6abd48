"""Asks the database from the event loop: in a thread of its own, one question after the other, and never too many.

Invariant: the event loop never waits for PostgreSQL, and a flood of visitors cannot queue up a flood of statements.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from datasync_spider.errors import DatasyncError
from datasync_spider.process.workers import Worker
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.dashboard import ReadOnlySession

_T = TypeVar("_T")

_IDLE_SECONDS = 30.0


class Busy(DatasyncError):
    """So many questions wait already that another one would not be answered in time."""


class Reader:
    """One thread with one connection, which is given back to the server when it has not been used for a while."""

    def __init__(self, database_url: str, name: str, *, timeout_seconds: float, most_waiting: int = 32) -> None:
        self._session = ReadOnlySession(database_url)
        self._worker = Worker(f"datasync-{name}")
        self._timeout_seconds = timeout_seconds
        self._most_waiting = most_waiting
        self._waiting = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    async def read(self, question: Callable[[Connection], _T]) -> _T:
        """The answer. Raises StorageError, or Busy without having asked."""
        if self._waiting >= self._most_waiting:
            raise Busy("too many questions are waiting for the database")
        self._waiting += 1
        self._stay_open()
        # Shielded: what waits in the thread is counted until it is done, also where the visitor has left meanwhile.
        return await asyncio.shield(self._submit(question))

    def _submit(self, question: Callable[[Connection], _T]) -> asyncio.Future[_T]:
        future = self._worker.submit(lambda: self._session.run(question, self._timeout_seconds))
        future.add_done_callback(self._answered)
        return future

    def _answered(self, future: asyncio.Future[_T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            # Someone who left does not retrieve it; that is no reason for a warning.
            future.exception()
        if self._waiting == 0:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(_IDLE_SECONDS, self._close_connection)

    def _stay_open(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _close_connection(self) -> None:
        self._idle_timer = None
        self._worker.submit(self._session.close)

    def close(self) -> None:
        """Gives the connection back and lets the thread end; one that hangs dies with the process."""
        self._stay_open()
        self._worker.submit(self._session.close)
        self._worker.close()
