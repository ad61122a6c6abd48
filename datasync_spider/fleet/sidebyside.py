"""Syncs of many slices at once in one process, as many as there are places, until there are no more or a signal comes.

Where each question for slices costs one of the database, some are taken ahead: about as many as end in a second, so
that quick syncs, of which each would cost a question, share one, and of slow ones none waits here that another process
could begin. What is taken and not begun when a signal comes, or has waited for too long, is given back; a process that
dies leaves their claims to run out.

Invariant: none ends another, whatever becomes of it, and each end is reported once. After a signal none is begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from datasync_spider.faces.exitreport import summary
from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.ends import end_of, is_at_hand
from datasync_spider.observe import exitcodes
from datasync_spider.process.memory import collect_now

if TYPE_CHECKING:
    from datasync_spider.fleet.crawling import Crawls
    from datasync_spider.fleet.roster import Turn
    from datasync_spider.fleet.supplies import Supply
    from datasync_spider.sync.plan import SyncPlan

logger = logging.getLogger(__name__)

_GIVE_BACK_SECONDS = 1.0
# Syncs: the collector by itself comes after many more, and costs as much as several of them.
_COLLECT_AFTER = 100
_COLLECT_WHOLE_AFTER = 1_000
_AHEAD_SECONDS = 1.0
_LONGEST_AHEAD_SECONDS = 2.0


class Synced(Struct, frozen=True):
    """A slice, how its sync has ended, and how long it took."""

    plan: SyncPlan
    end: End
    seconds: float


class SideBySide:
    """``places``: how many at once.

    ``begins`` is called with the plan of each slice, ``report`` with each end, ``failed`` with those of no slice.
    """

    def __init__(
        self,
        crawls: Crawls,
        supply: Supply,
        places: int,
        begins: Callable[[SyncPlan], None],
        report: Callable[[Synced], None],
        failed: Callable[[Sequence[End]], None],
    ) -> None:
        self._crawls = crawls
        self._supply = supply
        self._places = places
        self._begins = begins
        self._report = report
        self._failed = failed
        self._ended = 0
        self._ahead: deque[Turn] = deque()
        self._taken_at = 0.0
        self._ended_at: deque[float] = deque()

    def run(self) -> None:
        """Raises what is wrong with the supply."""
        for reported, plan in self._crawls.run(self._sync):
            end = end_of(reported, plan, self._crawls.services.pool, self._crawls.signal_name)
            self._report(Synced(plan, end, 0.0))

    async def _sync(self) -> None:
        stopped = asyncio.ensure_future(self._crawls.stopped.wait())
        tasks: set[asyncio.Future[None]] = set()
        while not stopped.done():
            if self._ahead and time.monotonic() - self._taken_at > _LONGEST_AHEAD_SECONDS:
                await self._give_ahead_back()
            if len(tasks) + len(self._ahead) < self._places:
                missing = self._places - len(tasks) - len(self._ahead)
                taking = asyncio.ensure_future(self._supply.take(missing + self._most_ahead(), len(tasks)))
                await asyncio.wait((taking, stopped), return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    await self._give_back(taking)
                    break
                self._ahead.extend(taking.result())
                self._taken_at = time.monotonic()
            while self._ahead and len(tasks) < self._places:
                tasks.add(asyncio.ensure_future(self._one(self._ahead.popleft())))
            free = self._places - len(tasks)
            if not tasks and not self._supply.goes_on:
                break
            pause = self._supply.pause_seconds if free else _LONGEST_AHEAD_SECONDS if self._ahead else None
            waits: set[asyncio.Future[Any]] = {*tasks, stopped}
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            tasks = {task for task in tasks if not task.done()}
        stopped.cancel()
        await self._give_ahead_back()
        if tasks:
            await asyncio.wait(tasks)
        if exports_failed := await self._crawls.end():
            self._failed([End(exitcodes.EXPORT_FAILED, summary.exports_failed(exports_failed))])

    async def _give_back(self, taking: asyncio.Future[list[Turn]]) -> None:
        """What was asked for when the signal came. What is claimed later than this waits for, runs out by itself."""
        await asyncio.wait((taking,), timeout=_GIVE_BACK_SECONDS)
        if not taking.cancel():
            self._ahead.extend(taking.result())

    async def _give_ahead_back(self) -> None:
        turns, self._ahead = self._ahead, deque()
        if turns:
            await self._supply.give_back(turns)

    def _most_ahead(self) -> int:
        """As many as have ended lately."""
        if not self._supply.asks:
            return 0
        while self._ended_at and self._ended_at[0] < time.monotonic() - _AHEAD_SECONDS:
            self._ended_at.popleft()
        return len(self._ended_at)

    async def _one(self, turn: Turn) -> None:
        began = time.monotonic()
        self._begins(turn.plan)
        try:
            reported = await self._crawls.sync(turn.spider, turn.plan)
            read = partial(end_of, reported, turn.plan, self._crawls.services.pool, self._crawls.signal_name)
            end = read() if is_at_hand(reported) else await self._crawls.services.worker().submit(read)
            await self._supply.ended(turn, reported, end, is_stopped=self._crawls.stopped.is_set())
        except Exception as error:
            # A fault of ours with one slice is none of the others.
            logger.exception("the sync of %s could not be done, or its end not noted", turn.plan.spec.name)
            end = End(exitcodes.FAILED, summary.not_started(f"{type(error).__name__}: {error}"))
        self._report(Synced(turn.plan, end, time.monotonic() - began))
        self._ended += 1
        self._ended_at.append(time.monotonic())
        if self._ended % _COLLECT_AFTER == 0:
            collect_now(whole=self._ended % _COLLECT_WHOLE_AFTER == 0)
