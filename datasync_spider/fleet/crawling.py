"""Slices as Scrapy's crawls on the one event loop of a process, one at a time or several side by side.

Invariant: a signal to stop reaches every crawl that is under way, and whoever decides what is begun next; a second one
ends the loop at once, and what it has cut off is reported as such. Which slices, and what becomes of their ends, is the
caller's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from datasync_spider import signals
from datasync_spider.local.shutdown import ShutdownSignals
from datasync_spider.observe import stats
from datasync_spider.process.memory import keep_buffers, spare_what_is_imported

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess, Crawler

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services

logger = logging.getLogger(__name__)

FOR_THE_FIRST_REQUEST = ("scrapy.core.downloader.contextfactory", "datasync_spider.transport.client")
"""What no one needs before it, in the order in which it is best imported.

Where Scrapy makes a deprecated class, it looks through the whole stack, and for a frame through all modules, so the
module that does so comes first, and by itself.
"""

_ENGINE_LOOK_SECONDS = 0.02

Reported = Mapping[str, Any]
"""A crawl's stats."""


class Crawls:
    """Those of one process, with its services. ``stopped`` is set with the first signal, ``signal_name`` says which."""

    def __init__(self, process: AsyncCrawlerProcess, services: Services) -> None:
        self._process = process
        self.services = services
        self._running: dict[Crawler, SyncPlan] = {}
        self._shutdown = ShutdownSignals(self._stop)
        self.stopped = asyncio.Event()

    @property
    def signal_name(self) -> str | None:
        return self._shutdown.received

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> list[tuple[Reported | None, SyncPlan]]:
        """Runs the event loop until ``main`` is done, whose :meth:`crawl` calls are the crawls.

        Gives those that a second signal has cut off. Raises what ``main`` raises.
        """
        self._shutdown.install()
        # Scrapy lets its own loggers make debug lines in any case, several a request, for the handlers to throw away.
        logging.getLogger("scrapy").setLevel(logging.NOTSET)
        keep_buffers()
        spare_what_is_imported()
        done = asyncio.get_event_loop().create_task(main())
        done.add_done_callback(_stop_reactor)
        try:
            self._process.start(stop_after_crawl=False, install_signal_handlers=False)
        finally:
            self._shutdown.uninstall()
            cut_off = [(self._end(crawler), plan) for crawler, plan in list(self._running.items())]
        if done.done():
            done.result()
        return cut_off

    async def crawl(self, spider: type[Any], plan: SyncPlan) -> Reported | None:
        """What the crawl has reported when it is over; None where its spider could not even be made."""
        crawler = self._process.create_crawler(spider)
        self._running[crawler] = plan
        # What it raises is left to asyncio, which logs it.
        await asyncio.wait((self._process.crawl(crawler, plan=plan, services=self.services),))
        return self._end(crawler)

    def _end(self, crawler: Crawler) -> Reported | None:
        del self._running[crawler]
        crawler.signals.send_catch_log(signals.loop_ended)
        return _stats_of(crawler)

    def _stop(self, signal_name: str) -> None:
        """The first signal: every component learns of it at once, then Scrapy closes the crawls in its own order."""
        logger.info("received %s: fetching stops, what was fetched is committed; again to end at once", signal_name)
        self.stopped.set()
        for crawler in list(self._running):
            _stop(crawler, signal_name)


def _stop_reactor(_: object) -> None:
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it earlier would install it

    # Its interfaces are declared in a way that type checkers misread.
    reactor: Any = installed
    with suppress(RuntimeError):
        # It is stopped already.
        reactor.stop()


def _stop(crawler: Crawler, signal_name: str) -> None:
    with suppress(RuntimeError):
        # Where its turn of the loop has not come there are no stats; it is stopped as soon as it runs.
        crawler.stats.set_value(stats.STOP_SIGNAL, signal_name)
    crawler.signals.send_catch_log(signals.stop_requested, signal_name=signal_name)
    asyncio.ensure_future(_stop_engine(crawler))  # noqa: RUF006 - the crawl's own task waits for it


async def _stop_engine(crawler: Crawler) -> None:
    """Stops the engine as soon as it runs: one that is still opening its spider takes no notice of a stop."""
    while not _is_running(crawler):  # noqa: ASYNC110 - Scrapy sends no signal at the moment when it begins to run
        await asyncio.sleep(_ENGINE_LOOK_SECONDS)
    await crawler.engine.stop_async()


def _is_running(crawler: Crawler) -> bool:
    try:
        return crawler.engine.running
    except RuntimeError:
        # It is not made yet.
        return False


def _stats_of(crawler: Crawler) -> Mapping[str, Any] | None:
    """None where the spider could not even be made."""
    try:
        return dict(crawler.stats.get_stats())
    except RuntimeError:
        return None
