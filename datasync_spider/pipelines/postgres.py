"""The item pipeline that writes pages to PostgreSQL: Scrapy's shell around preparing, writing and the run's row.

Life of a run as this component sees it:

open_spider   take the lease, open the run, tell everybody (signal run_opened) where to start
process_item  prepare the page in a thread, then let it be written; wait where the writers are behind
wait_started  commit what is buffered before a long pause, since cursors live about two minutes
close_spider  write what is left, then end the run's row with the truth: a commit has already said complete
              or incomplete; else the first failure, the stop signal, or that the crawl ended before the feed did

Invariant: the position moves with the rows or not at all, so whatever goes wrong here loses nothing that is not fetched
again. Scrapy forgives exceptions of pipelines; therefore the first one is kept, and the run ends as failed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from scrapy import signals as scrapy_signals
from scrapy.exceptions import CloseSpider

from datasync_spider import failpoints, signals, stats
from datasync_spider.display import visible
from datasync_spider.errors import (
    DatasyncError,
    FencedOff,
    FieldsDrifted,
    LeaseHeld,
    PageLost,
    Stalled,
    StorageError,
    StreamChanged,
    StreamPaused,
)
from datasync_spider.items import EventPage
from datasync_spider.pacing.askedwaits import AskedWaits
from datasync_spider.pipelines.chainnews import ChainNews
from datasync_spider.pipelines.dispatcher import Dispatcher, WriterSettings
from datasync_spider.pipelines.ending import Ending
from datasync_spider.pipelines.finishing import record_end
from datasync_spider.pipelines.opening import Opening
from datasync_spider.pipelines.passturns import PassTurns
from datasync_spider.pipelines.preparing import Preparing
from datasync_spider.pipelines.room import Room
from datasync_spider.pipelines.telling import Telling
from datasync_spider.pipelines.writing import FLUSH_AFTER_SECONDS, Writing
from datasync_spider.storage.batch import Batch, Committed, PreparedPage
from datasync_spider.storage.connect import connected
from datasync_spider.storage.copymode import CopyMode
from datasync_spider.storage.known import count_stored
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.writer import Writer
from datasync_spider.syncplan import SyncPlan, plan_of
from datasync_spider.workers import Worker

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

# A signal ends the run within ten seconds whatever hangs: these, and what the command takes to read the run's row.
_STOP_FLUSH_SECONDS = 4.0
_FINISH_SECONDS = 1.5
_LOOK_AGAIN_SECONDS = 1.0


class PostgresPipeline:
    """See the module's text. One instance a crawl."""

    def __init__(self, crawler: Crawler, plan: SyncPlan) -> None:
        self._crawler = crawler
        self._plan = plan
        self._config = plan.config
        self._run: OpenRun | None = None
        self._writing: Writing | None = None
        self._writer: Writer | None = None
        self._preparer = Preparer()
        self._preparing = Preparing(self._preparer, self._buffer_prepared, self._not_prepared)
        self._control_worker = Worker("datasync-control")
        self._count_worker = Worker("datasync-count")
        self._turns = PassTurns(plan.config.database_url_text, self._control_worker)
        self._committed_page = 0
        self._early: dict[int, EventPage] = {}
        self._next_page = 1
        self._room = Room()
        self._telling = Telling(crawler)
        self._ending = Ending()
        self._news = ChainNews()
        self._counting: asyncio.Task[None] | None = None
        self._asked_waits = AskedWaits()
        self._stop_deadline: float | None = None
        self._stopped = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        pipeline = cls(crawler, plan_of(crawler))
        connect = crawler.signals.connect
        connect(pipeline._on_stop_requested, signals.stop_requested)
        connect(pipeline._on_run_failed, signals.run_failed)
        connect(pipeline._on_wait_started, signals.wait_started)
        connect(pipeline._on_wait_asked, signals.wait_asked)
        connect(pipeline._on_pass_unmodified, signals.pass_unmodified)
        connect(pipeline._on_commit_wanted, signals.commit_wanted)
        connect(pipeline._on_resync_asked, signals.resync_asked)
        connect(pipeline._on_item_scraped, scrapy_signals.item_scraped)
        connect(pipeline._on_item_dropped, scrapy_signals.item_dropped)
        connect(pipeline._on_item_error, scrapy_signals.item_error)
        return pipeline

    # Opening

    async def open_spider(self) -> None:
        config = self._config
        try:
            run = await Opening(self._plan, self._control_worker, self._stopped).run()
        except LeaseHeld as error:
            logger.error("%s", error)
            self._crawler.stats.set_value(stats.REFUSED, "lease_held")
            raise CloseSpider("lease_held") from error
        except (StreamChanged, StreamPaused) as error:
            logger.error("%s", error)
            self._crawler.stats.set_value(stats.REFUSED, error.reason)
            self._crawler.stats.set_value(stats.REFUSED_DETAIL, str(error))
            raise CloseSpider(error.reason) from error
        except (StorageError, Stalled) as error:
            logger.error("the run could not be opened: %s", error)
            self._crawler.stats.set_value(stats.REFUSED, error.reason)
            self._crawler.stats.set_value(stats.REFUSED_DETAIL, str(error))
            raise CloseSpider(error.reason) from error
        failpoints.reach("run_opened")
        self._run = run
        self._count_what_is_received(run)
        self._crawler.stats.set_value(stats.RUN_ID, run.run_id)
        settings = WriterSettings(
            config.database_url_text, config.write_concurrency, config.write_retry_budget_ms / 1000
        )
        # A pass over ground that was walked before meets keys that exist; a first walk meets none.
        mode = CopyMode(expects_known=run.resume.pass_kind == "incremental" or run.resume.total_ingested > 0)
        self._writer = Writer(run, mode, config.rejected_max_percent)
        dispatcher = Dispatcher(
            settings,
            self._writer,
            self._telling.totals,
            self._telling.retrying_from_threads(asyncio.get_running_loop()),
        )
        self._writing = Writing(
            dispatcher, config.write_batch_size_rows, self._may_write, self._written, self._not_written
        )
        self._crawler.signals.send_catch_log(signals.run_opened, run=run)
        if self._stop_deadline is not None:
            # The signal came while the run was being opened: Scrapy had nothing to stop yet.
            raise CloseSpider("stopped")

    # Pages

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, EventPage):
            await self._accept(item)
        return item

    async def _accept(self, page: EventPage) -> None:
        # Nothing is awaited before the page is in line, so pages that come in order stay in order.
        self._early[page.number] = page
        while (following := self._early.pop(self._next_page, None)) is not None:
            self._next_page += 1
            self._preparing.add(following)
        await self._room.wait_for(lambda: self._ending.is_final or self._has_room(page.number))

    def _buffer_prepared(self, page: PreparedPage) -> None:
        assert self._writing is not None
        if self._ending.may_write:
            self._writing.add(page)
            self._telling.buffered(self._writing.buffer, self._writing.in_flight)
        self._room.announce()

    def _not_prepared(self, error: Exception) -> None:
        # Whatever it is, the page is not in the buffer and the run must end.
        if isinstance(error, PageLost):
            self._fail(error)
        else:
            self._fail(PageLost(f"a page could not be prepared: {error}"), cause=error)

    def _has_room(self, page_number: int) -> bool:
        """Whether the page is in line, and little waits to be prepared and less than one more batch to be written."""
        assert self._writing is not None
        return page_number < self._next_page and self._preparing.has_room and self._writing.has_room

    def _may_write(self) -> bool:
        return self._ending.may_write

    def _written(self, batch: Batch, committed: Committed) -> None:
        assert self._writing is not None
        self._preparer.forget(batch)
        self._committed_page = batch.last_page
        self._ending.committed(committed)
        self._telling.committed(batch, committed)
        self._check_rejected_share()
        self._check_fields(committed)
        self._check_news(batch, committed)
        self._writing.dispatch(everything=self._ending.is_final)
        self._telling.buffered(self._writing.buffer, self._writing.in_flight)
        self._room.announce()

    def _not_written(self, error: DatasyncError, cause: BaseException | None) -> None:
        assert self._writing is not None
        self._fail(error, cause)
        self._telling.buffered(self._writing.buffer, self._writing.in_flight)
        self._room.announce()

    def _check_rejected_share(self) -> None:
        error = self._ending.rejected_too_many(self._config.rejected_max_percent)
        if error is not None:
            self._fail(error)

    def _check_fields(self, committed: Committed) -> None:
        if self._plan.spec.fails_on_drift and committed.changes:
            self._fail(FieldsDrifted(visible("; ".join(map(str, committed.changes)))))

    def _check_news(self, batch: Batch, committed: Committed) -> None:
        self._news.committed(batch, committed)
        if committed.run_status is not None or self._news.standstill() is None:
            return
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count_stored(committed.total_ingested or 0))
        elif self._counting.done():
            self._fail_standstill()

    async def _count_stored(self, booked: int) -> None:
        """Once a run, before it is ended: what others have stored is known as well, and no repeat of this walk."""
        run = self._run
        assert run is not None

        def count() -> int:
            with connected(self._config.database_url_text) as connection:
                return count_stored(connection, run.slice)

        try:
            self._news.stored(await self._count_worker.submit(count), booked)
        except StorageError as error:
            logger.warning("could not count the stored events: %s", error)
        self._fail_standstill()

    def _fail_standstill(self) -> None:
        error = self._news.standstill()
        if error is not None:
            self._fail(error)

    # The pass

    def _on_pass_unmodified(self, done: asyncio.Future[OpenRun | None], **_: Any) -> None:
        self._turns.answer(done, self._end_unmodified())

    async def _end_unmodified(self) -> None:
        assert self._run is not None
        self._ending.committed(await self._turns.end_unmodified(self._run))

    def _on_commit_wanted(self, after_page: int, done: asyncio.Future[OpenRun | None], **_: Any) -> None:
        self._turns.answer(done, self._commit(after_page))

    async def _commit(self, page_number: int) -> OpenRun | None:
        """The run, when the page and all before it are committed; None where it ends."""
        assert self._writing is not None
        self._writing.dispatch(everything=True)
        await self._room.wait_for(lambda: self._ending.is_final or self._committed_page >= page_number)
        return None if self._ending.is_final else self._run

    def _on_resync_asked(self, after_page: int, done: asyncio.Future[OpenRun | None], **_: Any) -> None:
        self._turns.answer(done, self._begin_anew(after_page))

    async def _begin_anew(self, after_page: int) -> OpenRun | None:
        """The run as it goes on, when all that was fetched before is committed; None where it ends."""
        if await self._commit(after_page) is None:
            return None
        assert self._run is not None
        assert self._writer is not None
        self._run = await self._turns.begin_anew(self._run)
        # No batch is on its way, so none is written as of the pass before.
        self._writer.go_on(self._run)
        self._count_what_is_received(self._run)
        return self._run

    def _count_what_is_received(self, run: OpenRun) -> None:
        if run.resume.pass_since_us is not None:
            self._preparer.count_repeated()

    # Trouble

    def _fail(self, error: DatasyncError, cause: BaseException | None = None) -> None:
        if not self._ending.fail(error):
            return
        # The traceback of a bug is worth its lines; an error of the world is told by its text.
        logger.error("the run fails: %s", error, exc_info=cause)
        self._crawler.stats.set_value(stats.FAILURE, getattr(error, "reason", type(error).__name__))
        if isinstance(error, FencedOff) and self._writing is not None:
            self._writing.abandon()
        self._room.announce()
        reason = getattr(error, "reason", "failed")
        self._crawler.signals.send_catch_log(signals.run_ending, reason=reason)
        self._close_crawl(reason)

    def _close_crawl(self, reason: str) -> None:
        engine = self._crawler.engine
        if engine.spider is not None:
            asyncio.ensure_future(engine.close_spider_async(reason=reason))  # noqa: RUF006 - the engine awaits it

    def _on_run_failed(self, error: DatasyncError, **_: Any) -> None:
        if isinstance(error, Stalled):
            # A write that hangs does not end by being waited for.
            self._stop_deadline = time.monotonic()
        self._fail(error)

    def _on_stop_requested(self, signal_name: str, **_: Any) -> None:
        self._ending.stop(signal_name)
        self._stopped.set()
        self._stop_deadline = time.monotonic() + _STOP_FLUSH_SECONDS
        # Pages that wait for room are in line already; Scrapy closes the spider only when they have been let go.
        self._room.announce()

    def _on_item_scraped(self, item: Any, response: Any = None, **_: Any) -> None:
        """What comes out of the item pipelines is the page, unless one of them has put something else in its place."""
        if isinstance(item, EventPage) or response is None:
            return
        number = response.meta.get("page_number")
        if number is not None and number >= self._next_page and number not in self._early:
            kind = type(item).__name__
            self._fail(PageLost(f"an item pipeline has put an object of type {kind} in place of page {number}"))

    def _on_item_dropped(self, item: Any, **_: Any) -> None:
        """An item pipeline wants nothing of this page: its events are filtered, its cursor counts."""
        if isinstance(item, EventPage):
            item.events, item.rejected = [], []
            asyncio.ensure_future(self._accept(item))  # noqa: RUF006 - close_spider waits for the writes

    def _on_item_error(self, item: Any, failure: Any, **_: Any) -> None:
        if isinstance(item, EventPage) and self._ending.error is None:
            self._fail(PageLost(f"an item pipeline failed on page {item.number}: {failure.value}"))

    def _on_wait_started(self, seconds: float, **_: Any) -> None:
        if seconds > FLUSH_AFTER_SECONDS and self._writing is not None and self._ending.error is None:
            self._writing.dispatch(everything=True)

    def _on_wait_asked(self, seconds: float, *, is_binding: bool, **_: Any) -> None:
        self._asked_waits.asked(seconds, time.monotonic(), is_binding=is_binding)

    # Closing

    async def close_spider(self) -> None:
        if self._run is None or self._writing is None:
            return
        self._ending.close()
        self._turns.give_up()
        self._room.announce()
        await self._flush(self._writing)
        if self._counting is not None:
            self._counting.cancel()
        outcome = self._ending.outcome(self._early)
        seconds = _FINISH_SECONDS if self._stop_deadline else _FINISH_SECONDS * 3
        closed = self._asked_waits.left(time.monotonic())
        totals = self._telling.totals()
        # First, since the server may have no further connection for the end.
        await self._writing.close(_FINISH_SECONDS)
        await record_end(self._control_worker, self._plan, self._run, outcome, totals, closed, seconds)
        self._preparing.close()
        self._control_worker.close()
        self._count_worker.close()

    async def _flush(self, writing: Writing) -> None:
        """Writes all that is left. After a stop signal only for a while: what is not committed is fetched again."""
        while True:
            writing.dispatch(everything=True)
            under_way: set[asyncio.Future[Any]] = {*self._preparing.jobs, *writing.jobs}
            if not under_way:
                return
            left = None if self._stop_deadline is None else self._stop_deadline - time.monotonic()
            if left is not None and left <= 0:
                self._ending.abandoned()
                writing.abandon()
                await asyncio.wait(under_way, timeout=0.5)
                return
            # A deadline may be set while this waits.
            pause = _LOOK_AGAIN_SECONDS if left is None else left
            await asyncio.wait(under_way, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
