"""Scrapy's crawls on the one event loop of a process: one for each slice, or one for all slices of a stream.

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
from datasync_spider.fleet.streamcrawl import StreamCrawl, reported_of
from datasync_spider.local.shutdown import ShutdownSignals
from datasync_spider.observe import stats
from datasync_spider.process.memory import keep_buffers, spare_what_is_imported

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess, Crawler

    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services
    from datasync_spider.sync.syncs import Reported

logger = logging.getLogger(__name__)

FOR_THE_FIRST_REQUEST = ("scrapy.core.downloader.contextfactory", "datasync_spider.transport.client")
"""What no one needs before it, in the order in which it is best imported.

Where Scrapy makes a deprecated class, it looks through the whole stack, and for a frame through all modules, so the
module that does so comes first, and by itself.
"""

_ENGINE_LOOK_SECONDS = 0.02


class Crawls:
    """Those of one process, with its services. ``stopped`` is set with the first signal, ``signal_name`` says which.

    ``places``: how many slices of a stream may be under way at once. ``made`` is called with each stream's crawler.
    """

    def __init__(
        self,
        process: AsyncCrawlerProcess,
        services: Services,
        places: int = 1,
        made: Callable[[Crawler], None] = lambda _: None,
    ) -> None:
        self._process = process
        self.services = services
        self._places = places
        self._made = made
        self._running: dict[Crawler, SyncPlan] = {}
        self._shared: dict[str, StreamCrawl] = {}
        self._ending: set[StreamCrawl] = set()
        self._exports_failed: dict[str, str] = {}
        self._shutdown = ShutdownSignals(self._stop)
        self.stopped = asyncio.Event()

    @property
    def signal_name(self) -> str | None:
        return self._shutdown.received

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> list[tuple[Reported | None, SyncPlan]]:
        """Runs the event loop until ``main`` is done, which calls :meth:`crawl` or :meth:`sync` meanwhile.

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
            for shared in self._all_shared:
                cut_off += shared.under_way
                shared.crawler.signals.send_catch_log(signals.loop_ended)
        if done.done():
            done.result()
        return cut_off

    async def crawl(self, spider: type[Any], plan: SyncPlan) -> Reported | None:
        """What the slice's own crawl has reported when it is over; None where its spider could not even be made."""
        crawler = self._process.create_crawler(spider)
        self._running[crawler] = plan
        # What it raises is left to asyncio, which logs it.
        await asyncio.wait((self._process.crawl(crawler, plan=plan, services=self.services),))
        return self._end(crawler)

    async def sync(self, spider: type[Any], plan: SyncPlan) -> Reported | None:
        """The same of a slice that joins the crawl of its stream, which is begun where there is none.

        To be awaited in a task of its own.
        """
        shared = self._shared.get(spider.name)
        if shared is not None and not (shared.takes_more and shared.spider is spider):
            # Its source's file has changed, or it has ended before its time.
            self._let_end(shared)
            shared = None
        if shared is None:
            begun = StreamCrawl(self._process, spider, self.services, self._places)
            begun.ended.add_done_callback(lambda _: self._has_ended(begun))
            self._made(begun.crawler)
            shared = self._shared[spider.name] = begun
        return await shared.sync(plan)

    async def end(self) -> Mapping[str, str]:
        """No more slices come. Gives why exports failed, by what they were to be written to."""
        for shared in list(self._shared.values()):
            self._let_end(shared)
        if ending := [shared.ended for shared in self._ending]:
            await asyncio.wait(ending)
            # What is called when they are done has been called by then.
            await asyncio.sleep(0)
        return self._exports_failed

    @property
    def _all_shared(self) -> list[StreamCrawl]:
        return [*self._shared.values(), *self._ending]

    def _let_end(self, shared: StreamCrawl) -> None:
        del self._shared[shared.spider.name]
        self._ending.add(shared)
        shared.end()

    def _has_ended(self, shared: StreamCrawl) -> None:
        self._ending.discard(shared)
        if self._shared.get(shared.spider.name) is shared:
            del self._shared[shared.spider.name]
        shared.crawler.signals.send_catch_log(signals.loop_ended)
        if (reported := reported_of(shared.crawler)) is not None:
            self._exports_failed.update(reported.exports_failed)

    def _end(self, crawler: Crawler) -> Reported | None:
        del self._running[crawler]
        crawler.signals.send_catch_log(signals.loop_ended)
        return reported_of(crawler)

    def _stop(self, signal_name: str) -> None:
        """The first signal: every component learns of it at once, then Scrapy closes the crawls in its own order."""
        logger.info("received %s: fetching stops, what was fetched is committed; again to end at once", signal_name)
        self.stopped.set()
        for crawler in [*self._running, *(shared.crawler for shared in self._all_shared)]:
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
