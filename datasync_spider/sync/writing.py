"""Pages become rows, rows become batches, batches are committed: each in the run's order, on one event loop.

    pages    from store(), put in the order of their numbers, as they may come in another
    rows     prepare_in_order(): a small page at once, in the time that the API takes to answer the next request; a
             large one in a thread, since it would keep the event loop from receiving
    batches  write_in_order(): what is full, or has waited for a second, goes to a writer that is free
    commits  one for each batch, in the order of the batches (:mod:`datasync_spider.sync.writers`)

Invariant: nothing is left out, nothing comes twice, and every batch is reported, committed or failed, but for those
that an earlier one's failure took along. What was stored leaves within a second, full batch or not, as long as the run
may write and a writer is free.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from datasync_spider.errors import DatasyncError, PageLost
from datasync_spider.records.pagetrail import MOST_REPEATED_PAGES
from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.prepare import Preparer
from datasync_spider.sync.turns import PredecessorFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from datasync_spider.items import EventPage
    from datasync_spider.storage.batch import Committed
    from datasync_spider.sync.outcome import Outcome
    from datasync_spider.sync.services import Services
    from datasync_spider.sync.writers import Writers

logger = logging.getLogger(__name__)

FLUSH_AFTER_SECONDS = 1.0
"""How long pages wait for a batch to get full."""
_WORTH_A_HOP_BYTES = 128_000
_MOST_UNPREPARED_BYTES = 6_000_000
_LOOK_AGAIN_SECONDS = 1.0
_ABANDONED_SECONDS = 0.5
_ROW_BYTES = 1024
_SHRINK_ABOVE_SECONDS = 2.0
_GROW_BELOW_SECONDS = 1.0
_SMALLEST_SHARE = 10
# Pages with nothing but what is in flight weigh next to nothing; whether they are all that comes is seen when they are
# committed, so not too late.
_MOST_KNOWN_PAGES = MOST_REPEATED_PAGES + 1


class Writing:
    """Of one run. ``outcome`` says whether it may still write, and whether anyone still waits for room.

    ``committed`` is called with each batch that is in the database, ``failed`` with what kept a page or a batch from
    it, and its cause where that is a bug; ``changed`` whenever something came or left.
    """

    def __init__(
        self,
        services: Services,
        writers: Writers,
        batch_size_rows: int,
        outcome: Outcome,
        committed: Callable[[Batch, Committed], None],
        failed: Callable[[DatasyncError, BaseException | None], None],
        changed: Callable[[PageBuffer, int], None],
    ) -> None:
        self.preparer = Preparer()
        self.buffer = PageBuffer(batch_size_rows)
        self.committed_page = 0
        """The last page that is in the database."""
        self._writers = writers
        self._batch_size = BatchSize(batch_size_rows)
        self._outcome = outcome
        self._committed = committed
        self._failed = failed
        self._report = changed
        self._worker = services.worker()
        self._early: dict[int, EventPage] = {}
        self._in_line: deque[EventPage] = deque()
        self._next_page = 1
        self._unprepared_bytes = 0
        self._is_preparing = False
        self._is_flushed = False
        self._hurries = 0
        self._is_abandoned = False
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._commits: set[asyncio.Task[None]] = set()
        self._loops = [self._watched(self._prepare_in_order()), self._watched(self._write_in_order())]

    # The way of a page

    async def store(self, page: EventPage) -> None:
        """Returns when there is room for another page, or none is needed any more."""
        # Nothing is awaited before the page is in line, so pages that come in order stay in order.
        self._early[page.number] = page
        while (following := self._early.pop(self._next_page, None)) is not None:
            self._next_page += 1
            self._unprepared_bytes += following.body_bytes
            self._in_line.append(following)
        self.look_again()
        await self.wait_for(lambda: self._outcome.is_final or self._has_capacity(page.number))

    async def _prepare_in_order(self) -> None:
        while True:
            await self.wait_for(lambda: bool(self._in_line))
            # By itself, so that nothing of it is kept until the next page comes.
            await self._prepare(self._in_line.popleft())
            self.look_again()

    async def _prepare(self, page: EventPage) -> None:
        self._is_preparing = True
        try:
            prepared = await self._prepared(page)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page is lost, and the run must end
            if isinstance(error, PageLost):
                self._failed(error, None)
            else:
                self._failed(PageLost(f"a page could not be prepared: {error}"), error)
        else:
            if self._outcome.may_write:
                self.buffer.add(prepared)
                self._flush_after_a_while()
                self._report(self.buffer, self._writers.in_flight)
        finally:
            self._is_preparing = False
            self._unprepared_bytes -= page.body_bytes

    async def _prepared(self, page: EventPage) -> PreparedPage:
        if page.body_bytes < _WORTH_A_HOP_BYTES:
            return self.preparer.prepare(page)
        return await self._worker.submit(lambda: self.preparer.prepare(page))

    async def _write_in_order(self) -> None:
        while True:
            await self.wait_for(lambda: self._may_begin_a_batch)
            self._begin_a_batch()
            self.look_again()

    def _begin_a_batch(self) -> None:
        batch = self.buffer.take()
        assert batch is not None
        self._is_flushed = self._is_flushed and bool(self.buffer.pages)
        commit = asyncio.ensure_future(self._commit(batch, self._writers.write(batch)))
        self._commits.add(commit)
        commit.add_done_callback(self._commit_ended)
        self._report(self.buffer, self._writers.in_flight)

    async def _commit(self, batch: Batch, writing: asyncio.Future[Committed]) -> None:
        try:
            committed = await writing
        except PredecessorFailed:
            return
        except DatasyncError as error:
            self._failed(error, None)
        except Exception as error:  # noqa: BLE001 - a bug must end the run as failed, not be forgiven
            self._failed(PageLost(f"writing failed: {type(error).__name__}: {error}"), error)
        else:
            self.preparer.forget(batch)
            self.committed_page = batch.last_page
            if self._batch_size.written(batch.rows, committed.write_seconds):
                self.buffer.batch_size_rows = self._batch_size.rows
                logger.debug("batches have up to %d rows from now on", self._batch_size.rows)
            self._committed(batch, committed)
        self._report(self.buffer, self._writers.in_flight)
        self.look_again()

    def _commit_ended(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        # Who waits for the last one has looked while it was still among them.
        self.look_again()

    # What is waited for

    @property
    def _may_begin_a_batch(self) -> bool:
        if self._is_abandoned or not self._outcome.may_write or not self._writers.has_capacity():
            return False
        return self.buffer.is_due() or (
            self.buffer.pages > 0 and (self._is_flushed or self._hurries > 0 or self._outcome.is_final)
        )

    def _has_capacity(self, page_number: int) -> bool:
        """Whether the page is in line, and little waits to be prepared and less than one more batch to be written."""
        return (
            page_number < self._next_page
            and self._unprepared_bytes < _MOST_UNPREPARED_BYTES
            and (self._writers.has_capacity() or self.buffer.rows < self.buffer.batch_size_rows)
        )

    def is_waited_for(self, page_number: int) -> bool:
        """Whether the page has not come."""
        return page_number >= self._next_page and page_number not in self._early

    @property
    def stranded(self) -> list[int]:
        """The pages that wait for an earlier one."""
        return list(self._early)

    def flush(self) -> None:
        """What there is leaves, full batch or not."""
        self._is_flushed = self.buffer.pages > 0
        self.look_again()

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Whatever comes leaves at once, for no page will come before it is committed."""
        self._hurries += 1
        self.look_again()
        try:
            yield
        finally:
            self._hurries -= 1

    def look_again(self) -> None:
        """All that wait look whether what they wait for is so."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Returns when ``is_so`` holds, at once if it does already."""
        while not is_so():
            await self._changed.wait()

    def _flush_after_a_while(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_SECONDS, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        self.flush()

    # Its end

    def abandon(self) -> None:
        """Nothing leaves any more, and what is not committed by itself within moments will not be."""
        self._is_abandoned = True
        self._writers.abandon()

    async def finish(self, seconds_left: Callable[[], float | None]) -> bool:
        """Writes all that there is; False where the time was over before (None: there is no limit)."""
        while True:
            self.look_again()
            if not (self._commits or self._is_preparing or self._in_line or self._may_begin_a_batch):
                return True
            left = seconds_left()
            if left is not None and left <= 0:
                self.abandon()
                if self._commits:
                    await asyncio.wait(self._commits, timeout=_ABANDONED_SECONDS)
                return False
            # A limit may be set while this waits.
            pause = _LOOK_AGAIN_SECONDS if left is None else min(left, _LOOK_AGAIN_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def close(self) -> None:
        """Lets go of threads and connections."""
        for loop in self._loops:
            loop.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._writers.close()

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A bug in it must end the run as failed, not leave it waiting."""

        async def watch() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001
                self._failed(PageLost(f"writing failed: {type(error).__name__}: {error}"), error)
                # No one takes any more what has come: the run's end must not wait for it.
                self._is_abandoned = True
                self._in_line.clear()
                self.look_again()

        return asyncio.ensure_future(watch())


class PageBuffer:
    """Bookkeeping only: no I/O, no clock."""

    def __init__(self, batch_size_rows: int) -> None:
        self.batch_size_rows = batch_size_rows
        self.rows = 0
        """Rows, stored or rejected, that wait to be written; an empty page weighs one, a large one by its bytes."""
        self._pages: list[PreparedPage] = []
        self._known_pages = 0
        self._batches = 0

    @property
    def pages(self) -> int:
        return len(self._pages)

    def add(self, page: PreparedPage) -> None:
        """The next page. Raises ValueError where it does not follow the one before it."""
        if self._pages and page.page.number != self._pages[-1].page.number + 1:
            raise ValueError(f"page {page.page.number} does not follow page {self._pages[-1].page.number}")
        self._pages.append(page)
        self.rows += _weight(page)
        self._known_pages += _is_known(page)

    def is_due(self) -> bool:
        """Whether a batch is full, or holds the end of the pass, or too many pages without a row of their own."""
        return (
            self.rows >= self.batch_size_rows
            or self._known_pages >= _MOST_KNOWN_PAGES
            or bool(self._pages and self._pages[-1].page.ends_pass)
        )

    def take(self) -> Batch | None:
        """The next batch, full or not, or None where there is nothing."""
        if not self._pages:
            return None
        count = rows = 0
        while count < len(self._pages) and rows < self.batch_size_rows:
            page = self._pages[count]
            rows += _weight(page)
            self._known_pages -= _is_known(page)
            count += 1
        self._batches += 1
        self.rows -= rows
        batch = Batch(self._batches, self._pages[:count])
        del self._pages[:count]
        return batch


class BatchSize:
    """How many rows a batch should have: as many as the database takes in a reasonable time.

    Begins with the largest size. Invariant: it stays within its bounds, and one slow commit halves it at most. Large
    batches are cheap for the database; but what is in flight is lost to a crash and fetched again, and a batch that
    takes long holds its keys, and a stop, for as long.
    """

    def __init__(self, largest_rows: int) -> None:
        self._largest_rows = largest_rows
        self._smallest_rows = max(1, largest_rows // _SMALLEST_SHARE)
        self.rows = largest_rows

    def written(self, batch_rows: int, seconds: float) -> bool:
        """Learns how long a batch took; gives whether the size has changed.

        A batch that was sent before it was full says nothing about larger ones.
        """
        before = self.rows
        if seconds > _SHRINK_ABOVE_SECONDS:
            self.rows = max(self._smallest_rows, min(self.rows, batch_rows) // 2)
        elif seconds < _GROW_BELOW_SECONDS and batch_rows >= self.rows:
            self.rows = min(self._largest_rows, self.rows + max(1, self.rows // 2))
        return self.rows != before


def _is_known(page: PreparedPage) -> bool:
    """Whether all that the page holds is in flight already."""
    return page.counts.duplicates > 0 and not page.rows and not page.rejected


def _weight(page: PreparedPage) -> int:
    """In rows of up to a kilobyte, so that a few pages of megabytes are a batch too."""
    return max(1, len(page.rows) + len(page.rejected), page.page.body_bytes // _ROW_BYTES)
