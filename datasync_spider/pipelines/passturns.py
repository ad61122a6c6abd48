"""What becomes of a run's pass beside the writing of its pages: it is complete without one, or begins anew.

Invariant: whoever has asked is answered, be it with an error; and what was fetched before is committed before.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from datasync_spider.storage.batch import Committed, Counts
from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.resync import begin_anew
from datasync_spider.storage.retrying import patiently
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.validators import end_unmodified
from datasync_spider.workers import Worker

_T = TypeVar("_T")


class PassTurns:
    """Of one crawl; ``worker`` is the thread that speaks with the database."""

    def __init__(self, database_url: str, worker: Worker) -> None:
        self._database_url = database_url
        self._worker = worker
        self._tasks: set[asyncio.Task[None]] = set()
        self._given_up = threading.Event()

    def answer(self, done: asyncio.Future[OpenRun | None], turn: Awaitable[OpenRun | None]) -> None:
        """Takes the turn, and answers with what comes of it."""
        task = asyncio.ensure_future(_answer(done, turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def begin_anew(self, run: OpenRun) -> OpenRun:
        """Raises StorageError."""
        return await self._do(lambda connection: begin_anew(connection, run))

    async def end_unmodified(self, run: OpenRun) -> Committed:
        """Raises StorageError."""
        stored = await self._do(lambda connection: end_unmodified(connection, run))
        return Committed(
            batch_number=0,
            first_page=0,
            last_page=0,
            counts=Counts(),
            write_seconds=0.0,
            total_ingested=stored,
            run_status="complete",
        )

    def give_up(self) -> None:
        """Nothing is tried again any more."""
        self._given_up.set()

    async def _do(self, act: Callable[[Connection], _T]) -> _T:
        def once() -> _T:
            with connected(self._database_url) as connection:
                return act(connection)

        return await self._worker.submit(lambda: patiently(once, stopped=self._given_up))


async def _answer(done: asyncio.Future[OpenRun | None], turn: Awaitable[OpenRun | None]) -> None:
    try:
        result = await turn
    except Exception as error:  # noqa: BLE001 - whoever has asked waits for an answer
        if not done.done():
            done.set_exception(error)
    else:
        if not done.done():
            done.set_result(result)
