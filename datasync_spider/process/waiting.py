"""Pauses that are announced, counted, and end at once when the run is to stop.

Invariant: nothing here sleeps past a stop request, and every pause of a middleware goes through here, so that the
pipeline can commit what it holds before the pause and the status can say what is being waited for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datasync_spider import failpoints, signals
from datasync_spider.errors import Stopped
from datasync_spider.observe import stats

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_WHOLE_SECONDS_FROM = 100.0


class Waiter:
    """Waits for one crawl. Made by a component's ``from_crawler``."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._stopped = asyncio.Event()
        crawler.signals.connect(self._stop, signals.stop_requested)

    def _stop(self, **_: Any) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    async def wait_for_stop(self) -> None:
        """Returns when a stop is requested."""
        await self._stopped.wait()

    async def wait(
        self,
        seconds: float,
        reason: str,
        log_level: int = logging.INFO,
        fields: Mapping[str, Any] | None = None,
        asked: str = "",
    ) -> int:
        """Waits at least ``seconds``; gives the milliseconds waited. Raises Stopped as soon as a stop is requested.

        ``fields``: what the log line is about, for programs. ``asked``: in which words the API asked for the wait.
        """
        if self.stopped:
            raise Stopped(f"stopped instead of waiting ({reason})")
        length = f"{seconds:.3g}" if seconds < _WHOLE_SECONDS_FROM else f"{seconds:.0f}"
        why = f"{reason} ({asked})" if asked else reason
        logger.log(log_level, "waiting %s s: %s", length, why, extra={"datasync": fields or {}})
        self._crawler.signals.send_catch_log(signals.wait_started, reason=reason, seconds=seconds, asked=asked)
        failpoints.reach("waiting")
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
            raise Stopped(f"stopped while waiting ({reason})")
        except TimeoutError:
            return self._ended(reason, time.monotonic() - started)
        except Stopped:
            self._ended(reason, time.monotonic() - started)
            raise

    def _ended(self, reason: str, waited_seconds: float) -> int:
        waited_ms = round(waited_seconds * 1000)
        collector = self._crawler.stats
        collector.inc_value(stats.WAITED_MS, waited_ms)
        collector.inc_value(stats.WAITED_MS_BY_REASON.format(reason=reason.partition(" ")[0]), waited_ms)
        self._crawler.signals.send_catch_log(signals.wait_ended, reason=reason, waited_seconds=waited_seconds)
        return waited_ms
