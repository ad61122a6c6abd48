"""One sync of one slice, with what it needs passed in. Read it from top to bottom.

open          takes the lease, opens the run, learns where to start
first         what is asked for at first
answered      an answer: the page's place in the run, and what is asked for next
not_answered  what is asked for instead
store         the page is prepared and written in order; returns when there is room for another one
idle          returns when nothing is under way any more: all that was asked for is answered, all pages are stored
close         writes what is left, then ends the run's row with the truth: a commit has already said complete or
              incomplete; else the first failure, the stop, or that the caller had enough before the feed ended

Invariant: the position moves with the rows or not at all, so whatever goes wrong here loses nothing that is not fetched
again. The first failure is kept, and ends the run. How pages are asked for, and who hears of it, is the caller's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from datasync_spider import failpoints
from datasync_spider.errors import DatasyncError, FencedOff, FieldsDrifted, Stalled, StorageUnavailable
from datasync_spider.logs import context
from datasync_spider.observe.display import visible
from datasync_spider.pacing.askedwaits import AskedWaits
from datasync_spider.process.waiting import unless_halted
from datasync_spider.storage.batch import Counts
from datasync_spider.storage.copying import CopyMode
from datasync_spider.storage.writer import Writer
from datasync_spider.sync.fetching import Fetching
from datasync_spider.sync.outcome import ChainNews, Outcome
from datasync_spider.sync.storage import SliceStorage
from datasync_spider.sync.turns import Share
from datasync_spider.sync.writers import Writers, WriterSettings
from datasync_spider.sync.writing import FLUSH_AFTER_SECONDS, Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasync_spider.items import EventPage
    from datasync_spider.records.page import Page
    from datasync_spider.storage.batch import Batch, Committed
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.storage.syncend import Finished
    from datasync_spider.sync.fetching import Ask, HeadersOf
    from datasync_spider.sync.observer import Observer
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.services import Services

logger = logging.getLogger(__name__)

# A signal ends the run within ten seconds whatever hangs: these, and what the command takes to read the run's row.
_STOP_FLUSH_SECONDS = 4.0
_FINISH_SECONDS = 1.5
# What a sync that has failed has under way is let go by then, be it in the hands of something that keeps it.
_LET_GO_SECONDS = 5.0


class SliceSync:
    """See the module's text. ``halted`` is set when no wait of it is worth anything any more.

    ``is_alone``: no others go on in its crawl.
    """

    def __init__(self, plan: SyncPlan, services: Services, observer: Observer, *, is_alone: bool = True) -> None:
        self.plan = plan
        self._is_alone = is_alone
        self._services = services
        self._storage = SliceStorage(plan, services)
        self.observer = observer
        self.headers = tuple((name.encode(), value.encode()) for name, value in plan.headers)
        """Those of each request."""
        self.halted = asyncio.Event()
        self.bytes_under_way = 0
        """Of pages that were answered, and are not stored yet."""
        self._share = Share(services.capacity)
        self._log_fields: dict[str, Any] = {}
        self._retries = 0
        self._waited_ms = 0
        self._under_way = 0
        self._is_idle = asyncio.Event()
        self._is_ending = asyncio.Event()
        self._is_closed = False
        self._outcome = Outcome()
        self._news = ChainNews()
        self._asked_waits = AskedWaits()
        self._counting: asyncio.Task[None] | None = None
        self._stop_deadline: float | None = None
        self._run: OpenRun | None = None
        self._writer: Writer | None = None
        self._writing: Writing | None = None
        self._fetching: Fetching | None = None
        self.finished: Finished | None = None
        """What its rows say, once it is closed; None where that could not be recorded, or there was no run."""

    @property
    def is_open(self) -> bool:
        return self._fetching is not None

    @property
    def is_over(self) -> bool:
        """Whether no answer is of use any more: it has failed, or is closed. After a stop, those that come are."""
        return self._is_closed or self._outcome.error is not None

    def enter(self) -> None:
        """This task works for it from now on, and so does all that the task begins: so it stands in the log."""
        context.enter(self._log_fields)

    async def open(self) -> OpenRun:
        """Raises LeaseHeld, StreamPaused, StreamChanged or another StorageError, Stalled, Stopped."""
        config = self.plan.config
        run = await self._storage.open_run()
        self._log_fields.update(run_id=run.run_id, stream=run.slice.stream)
        # One of hundreds that begins as nearly all do says enough by its end.
        is_usual = run.resume.begins_pass and run.resume.pass_kind == "incremental"
        _log_start(run, logging.INFO if self._is_alone or not is_usual else logging.DEBUG)
        failpoints.reach("run_opened")
        self._run = run
        # A pass over ground that was read before meets keys that exist; a first one meets none.
        mode = CopyMode(expects_known=run.resume.pass_kind == "incremental" or run.resume.total_ingested > 0)
        self._writer = Writer(run, mode, config.rejected_max_percent)
        settings = WriterSettings(config.write_concurrency, config.write_retry_budget_ms / 1000)
        writers = Writers(self._services, settings, self._writer, self.spent, self._reporting_retries())
        self._writing = Writing(
            self._services,
            writers,
            config.write_batch_size_rows,
            self._outcome,
            self._committed,
            self.fail,
            self.observer.buffer_changed,
        )
        self._count_what_is_received(run)
        self._fetching = Fetching(self.plan, run, self._storage, self.observer, self)
        self.observer.run_opened(run)
        return run

    # Pages

    def first(self) -> list[Ask]:
        """What the run begins with."""
        asks = self._opened_fetching.first()
        self._moved(len(asks))
        return asks

    async def answered(self, ask: Ask, page: Page, item: EventPage, headers: HeadersOf) -> list[Ask]:
        """See :meth:`Fetching.answered`. Raises what ends the run."""
        came = -1
        try:
            asks = await self._opened_fetching.answered(ask, page, item, headers)
            came += len(asks)
            if item.number:
                came += 1
                self.bytes_under_way += item.body_bytes
                self._share.take(item.body_bytes)
        finally:
            self._moved(came)
        return asks

    async def have_capacity(self) -> None:
        """Returns when another page may come. What it has is written by then, full batch or not. Raises Stopped."""
        if self._share.may_ask:
            return
        with self._opened_writing.hurried():
            await unless_halted(self, self._share.turn(), "pages are written")

    async def not_answered(self, ask: Ask, error: BaseException | None) -> list[Ask]:
        """What is asked for instead. Raises what ends the run."""
        came = -1
        try:
            asks = await self._opened_fetching.not_answered(ask, error)
            came += len(asks)
        finally:
            self._moved(came)
        return asks

    def not_asked(self) -> None:
        """What was to be asked for is not, or the answer is of no use any more."""
        self._moved(-1)

    async def store(self, page: EventPage) -> None:
        """Returns when there is room for another page."""
        try:
            await self._opened_writing.store(page)
        finally:
            self.bytes_under_way -= page.body_bytes
            self._moved(-1)

    def is_waited_for(self, page_number: int) -> bool:
        """Whether the page has not come to :meth:`store`."""
        return self._writing is not None and self._writing.is_waited_for(page_number)

    def _moved(self, count: int) -> None:
        """So much more is under way, or less."""
        self._under_way += count
        if self._under_way <= 0:
            self.leave()

    def leave(self) -> None:
        """What is under way is not waited for any more."""
        self._is_idle.set()
        self._is_ending.set()

    async def idle(self) -> None:
        """Returns when nothing is under way any more; of a sync that has failed soon."""
        await self._is_ending.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LET_GO_SECONDS):
                await self._is_idle.wait()

    def _committed(self, batch: Batch, committed: Committed) -> None:
        self._outcome.committed(committed)
        self._share.give_back(committed.counts.body_bytes)
        self.observer.batch_committed(batch, committed)
        error = self._outcome.rejected_too_many(self.plan.config.rejected_max_percent)
        if error is not None:
            self.fail(error)
        if self.plan.spec.fails_on_drift and committed.changes:
            self.fail(FieldsDrifted(visible("; ".join(map(str, committed.changes)))))
        self._check_news(batch, committed)

    def _check_news(self, batch: Batch, committed: Committed) -> None:
        self._news.committed(batch, committed)
        if committed.run_status is not None or self._news.standstill() is None:
            return
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count_stored(committed.total_ingested or 0))
        elif self._counting.done():
            self._fail_standstill()

    async def _count_stored(self, recorded: int) -> None:
        """Once a run, before it is ended: what others have stored is known as well, and no repeat of this chain."""
        assert self._run is not None
        if (stored := await self._storage.count_stored(self._run)) is not None:
            self._news.stored(stored, recorded)
        self._fail_standstill()

    def _fail_standstill(self) -> None:
        error = self._news.standstill()
        if error is not None:
            self.fail(error)

    # Its pass

    async def commit(self, after_page: int) -> OpenRun | None:
        """The run, when the page and all before it are committed; None where it ends."""
        writing = self._opened_writing
        writing.flush()
        await writing.wait_for(lambda: self._outcome.is_final or writing.committed_page >= after_page)
        return None if self._outcome.is_final else self._run

    async def begin_anew(self, after_page: int) -> OpenRun | None:
        """The run in a new, full pass, when all that was fetched before is committed; None where it ends."""
        if await self.commit(after_page) is None:
            return None
        assert self._run is not None
        assert self._writer is not None
        self._run = await self._storage.begin_anew(self._run)
        # No batch is on its way, so none is written as of the pass before.
        self._writer.go_on(self._run)
        self._count_what_is_received(self._run)
        return self._run

    async def end_unmodified(self) -> None:
        """The API says that nothing has changed: the run and its pass are complete."""
        assert self._run is not None
        await self._storage.end_unmodified(self._run)
        self._outcome.completed()

    def _count_what_is_received(self, run: OpenRun) -> None:
        if run.resume.pass_since_us is not None:
            self._opened_writing.preparer.count_repeated()

    # Trouble, and pauses

    def fail(self, error: DatasyncError, cause: BaseException | None = None) -> None:
        """The run is to end as failed, the position where the last commit has put it. ``cause``: where it is a bug."""
        if isinstance(error, Stalled):
            # A write that hangs does not end by being waited for.
            self._stop_deadline = time.monotonic()
        if not self._outcome.fail(error):
            return
        # The traceback of a bug is worth its lines; an error of the world is given by its text.
        logger.error("the run fails: %s", error, exc_info=cause)
        if self._writing is not None:
            if isinstance(error, FencedOff):
                self._writing.abandon()
            self._writing.look_again()
        self.halted.set()
        self._is_ending.set()
        if not self._outcome.may_write:
            self.leave()
        self.observer.run_failing(getattr(error, "reason", "failed"))

    def stop(self, signal_name: str) -> None:
        """Fetching has stopped, or will; what was fetched is committed within seconds, or fetched again."""
        self._outcome.stop(signal_name)
        self._storage.stop()
        self.halted.set()
        self._stop_deadline = time.monotonic() + _STOP_FLUSH_SECONDS
        if self._writing is not None:
            # Pages that wait for room are in line already; the caller closes only when they have been let go.
            self._writing.look_again()

    def wait_begins(self, seconds: float) -> None:
        """Nothing will come for so long: what is buffered is committed, since cursors live about two minutes."""
        if seconds > FLUSH_AFTER_SECONDS and self._writing is not None and self._outcome.error is None:
            self._writing.flush()

    def wait_asked(self, seconds: float, *, is_binding: bool) -> None:
        """The API wants no request for so long. Binding is what a refusal for the rate says."""
        self._asked_waits.asked(seconds, time.monotonic(), is_binding=is_binding)

    def retried(self) -> None:
        """A page is asked for again after an error."""
        self._retries += 1

    def waited(self, milliseconds: int) -> None:
        """So long nothing was asked for, on purpose."""
        self._waited_ms += milliseconds

    def spent(self) -> Counts:
        """Retries and waits of fetching so far; may be called from any thread."""
        return Counts(retries=self._retries, waited_ms=self._waited_ms)

    # The end

    async def close(self) -> None:
        """Returns when all that could be is written, and the run's row says how it has ended."""
        self._is_closed = True
        self.halted.set()
        if self._run is None or self._writing is None:
            self._storage.close()
            return
        writing = self._writing
        self._outcome.close()
        try:
            if not await writing.finish(self._seconds_left):
                self._outcome.abandoned()
        finally:
            self._share.close()
        self._storage.give_up()
        if self._counting is not None:
            self._counting.cancel()
        ended = self._outcome.ended(writing.stranded)
        seconds = _FINISH_SECONDS if self._stop_deadline else _FINISH_SECONDS * 3
        closed = self._asked_waits.left(time.monotonic())
        spent = self.spent()
        writing.close()
        self.finished = await self._storage.finish(self._run, ended, spent, closed, seconds)
        self._storage.close()

    def _seconds_left(self) -> float | None:
        return None if self._stop_deadline is None else self._stop_deadline - time.monotonic()

    def _reporting_retries(self) -> Callable[[StorageUnavailable, int, float], None]:
        """To be called by a writing thread that is about to try again."""
        loop = asyncio.get_running_loop()

        def report(error: StorageUnavailable, attempt: int, delay_seconds: float) -> None:
            loop.call_soon_threadsafe(self.observer.writer_retrying, error, attempt, delay_seconds)

        return report

    @property
    def _opened_fetching(self) -> Fetching:
        assert self._fetching is not None, "the run is not open"
        return self._fetching

    @property
    def _opened_writing(self) -> Writing:
        assert self._writing is not None, "the run is not open"
        return self._writing


def _log_start(run: OpenRun, level: int) -> None:
    resume = run.resume
    if run.took_over:
        logger.warning("took over stream %s: %s", run.slice, run.took_over)
    if resume.distrusted:
        logger.warning("the stored position is not used: the run that left it got page after page and no new record")
    if run.is_backfill:
        logger.log(
            level,
            "run %d of stream %s is a backfill: it begins at its window's first page and leaves position and pass as"
            " they are, %d events stored so far",
            run.run_id,
            run.slice,
            resume.total_ingested,
            extra={"datasync": {"run_id": run.run_id, "stream": run.slice.stream}},
        )
        return
    logger.log(
        level,
        "run %d of stream %s starts at %s: %s pass %d, %d events stored so far",
        run.run_id,
        run.slice,
        "the stored cursor"
        if resume.cursor
        else "where the last complete pass has ended"
        if resume.bookmark
        else "the head of the feed",
        resume.pass_kind,
        resume.pass_number,
        resume.total_ingested,
        extra={"datasync": {"run_id": run.run_id, "stream": run.slice.stream}},
    )
