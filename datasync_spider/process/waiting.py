"""Pauses that are announced, counted, and end at once when whoever waits is to wait no more.

Invariant: nothing here sleeps past a stop request or the end of the sync that waits, which is the end of no other's
wait. Every pause of a middleware goes through here, so that the pipeline can commit what it holds before the pause and
the status can say what is being waited for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from datasync_spider import failpoints, signals
from datasync_spider.errors import Stopped
from datasync_spider.observe import stats

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_WHOLE_SECONDS_FROM = 100.0
_T = TypeVar("_T")


class Waiting(Protocol):
    """Who waits. ``halted`` is set when it is to wait no more: with a stop, and when it has failed."""

    halted: asyncio.Event

    def waited(self, milliseconds: int) -> None:
        """So long it has waited in a pause."""
        ...


async def unless_halted(whose: Waiting, work: Awaitable[_T], doing: str) -> _T:
    """What the work gives, which is given up when whoever waits is to wait no more: then raises Stopped."""
    if whose.halted.is_set():
        raise Stopped(f"stopped before {doing}")
    asked = asyncio.ensure_future(work)
    halted = asyncio.ensure_future(whose.halted.wait())
    try:
        await asyncio.wait((asked, halted), return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise Stopped(f"stopped while {doing}")
        return asked.result()
    finally:
        asked.cancel()
        halted.cancel()


class Waiter:
    """Waits for the syncs of one crawl. Made by a component's ``from_crawler``."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    async def wait(
        self,
        whose: Waiting,
        seconds: float,
        reason: str,
        log_level: int = logging.INFO,
        fields: Mapping[str, Any] | None = None,
        asked: str = "",
    ) -> int:
        """Waits at least ``seconds``; gives the milliseconds waited. Raises Stopped as soon as that is worth nothing.

        ``fields``: what the log line is about, for programs. ``asked``: in which words the API asked for the wait.
        """
        if whose.halted.is_set():
            raise Stopped(f"stopped instead of waiting ({reason})")
        length = f"{seconds:.3g}" if seconds < _WHOLE_SECONDS_FROM else f"{seconds:.0f}"
        why = f"{reason} ({asked})" if asked else reason
        logger.log(log_level, "waiting %s s: %s", length, why, extra={"datasync": fields or {}})
        self._crawler.signals.send_catch_log(
            signals.wait_started, sync=whose, reason=reason, seconds=seconds, asked=asked
        )
        failpoints.reach("waiting")
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await whose.halted.wait()
            raise Stopped(f"stopped while waiting ({reason})")
        except TimeoutError:
            return self._ended(whose, reason, time.monotonic() - started)
        except Stopped:
            self._ended(whose, reason, time.monotonic() - started)
            raise

    def _ended(self, whose: Waiting, reason: str, waited_seconds: float) -> int:
        waited_ms = round(waited_seconds * 1000)
        whose.waited(waited_ms)
        collector = self._crawler.stats
        collector.inc_value(stats.WAITED_MS, waited_ms)
        collector.inc_value(stats.WAITED_MS_BY_REASON.format(reason=reason.partition(" ")[0]), waited_ms)
        self._crawler.signals.send_catch_log(
            signals.wait_ended, sync=whose, reason=reason, waited_seconds=waited_seconds
        )
        return waited_ms
