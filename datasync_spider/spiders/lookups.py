"""Asks the database what the walk must know of what is stored, without keeping the event loop waiting.

Invariant: not knowing costs requests, never events; so whoever asks goes on where the database says nothing, and a
stop ends the waiting at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from datasync_spider.errors import StorageError, StorageUnavailable
from datasync_spider.storage.connection import connected
from datasync_spider.storage.known import is_known_entirely
from datasync_spider.storage.passdepth import PassDepth, read_pass_depth
from datasync_spider.waiting import Waiter
from datasync_spider.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.crawler import Crawler

    from datasync_spider.config import Config
    from datasync_spider.items import EventPage
    from datasync_spider.storage.runs import OpenRun

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_ANSWER_SECONDS = 20.0


class Lookups:
    """Of one crawl; each answer takes a connection of its own."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self._database_url = config.database_url_text
        self._waiter = Waiter(crawler)
        self._worker = Worker("datasync-lookup")

    async def is_known(self, page: EventPage, run: OpenRun) -> bool:
        """Whether all that the page holds was stored before this pass; False where the database does not say."""

        def look() -> bool:
            with connected(self._database_url) as connection:
                return is_known_entirely(connection, run.slice, page, run.resume.known_before)

        try:
            return await self._answer(look)
        except StorageError as error:
            logger.warning("could not ask whether page %d is known, walking on: %s", page.number, error)
            return False

    async def pass_depth(self, run: OpenRun) -> PassDepth | None:
        """How far the slice's open pass has come; None where the database does not say."""

        def look() -> PassDepth:
            with connected(self._database_url) as connection:
                return read_pass_depth(connection, run.slice)

        try:
            return await self._answer(look)
        except StorageError as error:
            logger.warning("could not ask how deep this pass is, starting from the head: %s", error)
            return None

    async def _answer(self, look: Callable[[], _T]) -> _T:
        """Raises StorageUnavailable where it takes too long, or where a stop is requested."""
        answer = self._worker.submit(look)
        stopped = asyncio.ensure_future(self._waiter.wait_for_stop())
        await asyncio.wait((answer, stopped), timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not answer.done():
            raise StorageUnavailable("PostgreSQL did not answer in time")
        return answer.result()
