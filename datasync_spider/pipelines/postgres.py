"""The item pipeline that writes pages to PostgreSQL: Scrapy's shell around buffer, dispatcher and the run's row.

Life of a run as this component sees it:

open_spider   take the lease, open the run, tell everybody (signal run_opened) where to start
process_item  prepare the page in a thread, buffer it, hand full batches to the writers; wait where they are behind
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
from datasync_spider.config import Config
from datasync_spider.errors import (
    DatasyncError,
    FencedOff,
    LeaseHeld,
    PageLost,
    Stalled,
    StorageError,
)
from datasync_spider.items import EventPage
from datasync_spider.pipelines.batchsize import BatchSize
from datasync_spider.pipelines.buffer import PageBuffer
from datasync_spider.pipelines.dispatcher import Dispatcher, WriterSettings
from datasync_spider.pipelines.ending import Ending
from datasync_spider.pipelines.finishing import record_end
from datasync_spider.pipelines.opening import Opening
from datasync_spider.pipelines.preparing import Preparing
from datasync_spider.pipelines.room import Room
from datasync_spider.pipelines.telling import Telling
from datasync_spider.pipelines.turns import PredecessorFailed
from datasync_spider.storage.batch import Batch, Committed, PreparedPage
from datasync_spider.storage.copymode import CopyMode
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.writer import Writer
from datasync_spider.workers import Worker

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_FLUSH_AFTER_SECONDS = 1.0
# A signal ends the run within ten seconds whatever hangs: these, and what the command takes to read the run's row.
_STOP_FLUSH_SECONDS = 4.0
_FINISH_SECONDS = 1.5
_LOOK_AGAIN_SECONDS = 1.0


class PostgresPipeline:
    """See the module's text. One instance a crawl."""

    def __init__(self, crawler: Crawler, config: Config) -> None:
        self._crawler = crawler
        self._config = config
        self._run: OpenRun | None = None
        self._dispatcher: Dispatcher | None = None
        self._preparer = Preparer()
        self._preparing = Preparing(self._preparer, self._buffer_prepared, self._not_prepared)
        self._control_worker = Worker("datasync-control")
        self._batch_size = BatchSize(config.write_batch_size_rows)
        self._buffer = PageBuffer(config.write_batch_size_rows)
        self._early: dict[int, EventPage] = {}
        self._next_page = 1
        self._writes: set[asyncio.Task[None]] = set()
        self._room = Room()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._telling = Telling(crawler)
        self._ending = Ending()
        self._stop_deadline: float | None = None
        self._stopped = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        pipeline = cls(crawler, Config.from_settings(crawler.settings))
        connect = crawler.signals.connect
        connect(pipeline._on_stop_requested, signals.stop_requested)
        connect(pipeline._on_run_failed, signals.run_failed)
        connect(pipeline._on_wait_started, signals.wait_started)
        connect(pipeline._on_item_dropped, scrapy_signals.item_dropped)
        connect(pipeline._on_item_error, scrapy_signals.item_error)
        return pipeline

    # Opening

    async def open_spider(self) -> None:
        config = self._config
        try:
            run = await Opening(config, self._control_worker, self._stopped).run()
        except LeaseHeld as error:
            logger.error("%s", error)
            self._crawler.stats.set_value(stats.REFUSED, "lease_held")
            raise CloseSpider("lease_held") from error
        except StorageError as error:
            logger.error("the run could not be opened: %s", error)
            self._crawler.stats.set_value(stats.REFUSED, error.reason)
            raise CloseSpider(error.reason) from error
        failpoints.reach("run_opened")
        self._run = run
        self._crawler.stats.set_value(stats.RUN_ID, run.run_id)
        settings = WriterSettings(
            config.database_url_text, config.write_concurrency, config.write_retry_budget_ms / 1000
        )
        # A pass over ground that was walked before meets keys that exist; a first walk meets none.
        mode = CopyMode(expects_known=run.resume.pass_kind == "incremental" or run.resume.total_ingested > 0)
        self._dispatcher = Dispatcher(
            settings,
            Writer(run, mode, config.conflict_rule, config.rejected_max_percent),
            self._telling.totals,
            self._telling.retrying_from_threads(asyncio.get_running_loop()),
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

    def _buffer_prepared(self, prepared: list[PreparedPage]) -> None:
        if self._ending.may_write:
            for page in prepared:
                self._buffer.add(page)
            self._dispatch()
            self._telling.buffered(self._buffer, self._in_flight)
        self._room.announce()

    def _not_prepared(self, error: Exception) -> None:
        # Whatever it is, the page is not in the buffer and the run must end.
        self._fail(PageLost(f"a page could not be prepared: {error}"), cause=error)

    def _has_room(self, page_number: int) -> bool:
        """Whether the page is in line, and little waits to be prepared and less than one more batch to be written."""
        assert self._dispatcher is not None
        in_line = page_number < self._next_page
        return (
            in_line
            and self._preparing.has_room
            and (self._dispatcher.has_room() or self._buffer.rows < self._buffer.batch_size_rows)
        )

    @property
    def _in_flight(self) -> int:
        assert self._dispatcher is not None
        return self._dispatcher.in_flight

    def _dispatch(self, *, everything: bool = False) -> None:
        assert self._dispatcher is not None
        while self._dispatcher.has_room() and (self._buffer.is_due() or (everything and self._buffer.pages)):
            batch = self._buffer.take()
            assert batch is not None
            task = asyncio.ensure_future(self._await_write(batch, self._dispatcher.write(batch)))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)
        if self._buffer.pages and self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(_FLUSH_AFTER_SECONDS, self._flush_after_a_while)

    def _flush_after_a_while(self) -> None:
        self._flush_timer = None
        if self._ending.may_write:
            self._dispatch(everything=True)

    async def _await_write(self, batch: Batch, writing: asyncio.Future[Committed]) -> None:
        try:
            committed = await writing
        except PredecessorFailed:
            return
        except DatasyncError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - a bug must end the run as failed, not be forgiven
            self._fail(PageLost(f"writing failed: {type(error).__name__}: {error}"), cause=error)
        else:
            self._preparer.forget(batch)
            self._fit_batches(batch, committed)
            self._ending.committed(committed)
            self._telling.committed(batch, committed)
            self._check_rejected_share()
            if self._ending.may_write:
                self._dispatch(everything=self._ending.is_final)
        self._telling.buffered(self._buffer, self._in_flight)
        self._room.announce()

    def _fit_batches(self, batch: Batch, committed: Committed) -> None:
        if self._batch_size.written(batch.rows, committed.write_seconds):
            self._buffer.batch_size_rows = self._batch_size.rows
            logger.debug("batches have up to %d rows from now on", self._batch_size.rows)

    def _check_rejected_share(self) -> None:
        error = self._ending.rejected_too_many(self._config.rejected_max_percent)
        if error is not None:
            self._fail(error)

    # Trouble

    def _fail(self, error: DatasyncError, cause: BaseException | None = None) -> None:
        if not self._ending.fail(error):
            return
        # The traceback of a bug is worth its lines; an error of the world is told by its text.
        logger.error("the run fails: %s", error, exc_info=cause)
        self._crawler.stats.set_value(stats.FAILURE, getattr(error, "reason", type(error).__name__))
        if isinstance(error, FencedOff) and self._dispatcher is not None:
            self._dispatcher.abandon()
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

    def _on_item_dropped(self, item: Any, **_: Any) -> None:
        """An item pipeline wants nothing of this page: its events are filtered, its cursor counts."""
        if isinstance(item, EventPage):
            item.events, item.rejected = [], []
            asyncio.ensure_future(self._accept(item))  # noqa: RUF006 - close_spider waits for the writes

    def _on_item_error(self, item: Any, failure: Any, **_: Any) -> None:
        if isinstance(item, EventPage) and self._ending.error is None:
            self._fail(PageLost(f"an item pipeline failed on page {item.number}: {failure.value}"))

    def _on_wait_started(self, seconds: float, **_: Any) -> None:
        if seconds > _FLUSH_AFTER_SECONDS and self._dispatcher is not None and self._ending.error is None:
            self._preparing.hurry()
            self._dispatch(everything=True)

    # Closing

    async def close_spider(self) -> None:
        if self._run is None or self._dispatcher is None:
            return
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._ending.close()
        self._room.announce()
        await self._flush()
        outcome = self._ending.outcome(self._early)
        seconds = _FINISH_SECONDS if self._stop_deadline else _FINISH_SECONDS * 3
        url = self._config.database_url_text
        await record_end(self._control_worker, url, self._run, outcome, self._telling.totals(), seconds)
        await self._dispatcher.close(_FINISH_SECONDS)
        self._preparing.close()
        self._control_worker.close()

    async def _flush(self) -> None:
        """Writes all that is left. After a stop signal only for a while: what is not committed is fetched again."""
        while True:
            self._preparing.hurry()
            if self._ending.may_write:
                self._dispatch(everything=True)
            if self._flush_timer is not None:
                self._flush_timer.cancel()
                self._flush_timer = None
            under_way: set[asyncio.Future[Any]] = {*self._preparing.jobs, *self._writes}
            if not under_way:
                return
            left = None if self._stop_deadline is None else self._stop_deadline - time.monotonic()
            if left is not None and left <= 0:
                assert self._dispatcher is not None
                self._ending.abandoned()
                self._dispatcher.abandon()
                await asyncio.wait(under_way, timeout=0.5)
                return
            # A deadline may be set while this waits.
            pause = _LOOK_AGAIN_SECONDS if left is None else left
            await asyncio.wait(under_way, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
