"""Asks the database for slots of a credential's budget, for the syncs of one crawl: a shell around `pacing/book.py`.

A slot is asked for before a request leaves, several at a time where requests leave fast, and where there is plenty
while the one before is under way. What has become of slots, and what the API has reported of its windows, goes along,
or follows a little later. Nothing is asked where the source declares no budget and no answer has spoken of a window.

Invariant: without an answer of the database no request leaves. It is waited for as long as a writer waits for it, and
then the run fails; a stop request ends that at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

from datasync_spider.errors import StorageError
from datasync_spider.pacing.askedwaits import AskedWaits, Closed
from datasync_spider.pacing.book import Answer, Ask, Declared
from datasync_spider.pacing.slots import HOLD_SECONDS, HeldSlots, Report
from datasync_spider.pacing.window import RateWindow
from datasync_spider.process.waiting import Waiting, unless_halted
from datasync_spider.process.workers import Worker
from datasync_spider.storage.backends import label
from datasync_spider.storage.budgets import Exchanged, exchange
from datasync_spider.storage.connection import Connection, close_quietly, connect
from datasync_spider.storage.retrying import RetryPolicy, patiently

if TYPE_CHECKING:
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.plan import SyncPlan

logger = logging.getLogger(__name__)

_REPORT_WITHIN_SECONDS = 0.25
_SAY_AGAIN_SECONDS = HOLD_SECONDS / 3
_END_SECONDS = 2.0
# Whoever needs the slot has more patience.
_ONCE = RetryPolicy(0.0, 0.1, 0.1)
# A refusal that this run has noted itself comes back, later by what the writing took.
_WORTH_NOTING_SECONDS = 0.2


class SharedBudget:
    """``declared``: what the source's file says. Not in use before a run is open, which has a credential.

    ``on_learned`` is called with what others have heard from the API.
    """

    def __init__(self, database_url: str, declared: Declared | None, patience_seconds: float) -> None:
        self.on_learned: Callable[[Closed], None] = lambda _: None
        self._database_url = database_url
        self._declared = declared
        self._patience = RetryPolicy(patience_seconds, 0.1, 2.0)
        self._slots = HeldSlots(uuid.uuid4().hex[:12])
        self._run: OpenRun | None = None
        self._is_limited = declared is not None
        self._is_plenty = False
        self._ahead: asyncio.Task[None] | None = None
        self._limit: int | None = None
        self._refused = Answer()
        self._refused_until = 0.0
        self._known = AskedWaits()
        self._asking = asyncio.Lock()
        self._reporting: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._worker = Worker("datasync-budget")
        self._connection: Connection | None = None

    @classmethod
    def of(cls, plan: SyncPlan) -> SharedBudget:
        config, budget = plan.config, plan.source.budget
        declared = None
        if budget is not None and budget.requests is not None and budget.seconds is not None:
            declared = Declared(budget.requests, budget.seconds)
        patience_seconds = config.write_retry_budget_ms / 1000
        return cls(config.database_url_text, declared, patience_seconds)

    @property
    def governs(self) -> bool:
        """Whether requests need slots."""
        return self._is_limited and self._run is not None

    def at_hand(self, now: float) -> bool:
        """Whether a request may leave now, as far as slots go."""
        return not self.governs or self._slots.at_hand(now)

    async def ask(self, whose: Waiting) -> Answer:
        """Asks for slots. Without any, what to wait for. Raises StorageErrors, and Stopped."""
        # What it brings is for all: it is not given up with the one that has asked.
        asking = asyncio.ensure_future(self._ask(self._patience))
        asking.add_done_callback(_retrieved)
        return await unless_halted(whose, asyncio.shield(asking), "the database was asked for a slot of the budget")

    async def _ask(self, patience: RetryPolicy) -> Answer:
        async with self._asking:
            now = time.monotonic()
            if self.at_hand(now):
                return Answer(1)
            if now < self._refused_until:
                return self._refused._replace(wait_seconds=self._refused_until - now)
            ask = Ask(*self._slots.next_ask(now), self._limit)
            report = self._slots.report()
            exchanged = await self._worker.submit(
                lambda: patiently(lambda: self._exchange(report, ask), patience, self._stopped)
            )
            self._received(report, exchanged)
            answer = exchanged.answer
            self._slots.given(ask.number, answer.slots if answer.is_limited else 0, exchanged.asked_at)
            self._is_limited, self._is_plenty = answer.is_limited, answer.is_plenty
            self._refused, self._refused_until = answer, time.monotonic() + answer.wait_seconds
            self._report_soon()
        return answer

    def request_sent(self, which: Hashable) -> None:
        """A request leaves now. Where slots are needed one is at hand."""
        if not self.governs:
            return
        self._slots.request_sent(which)
        if self._is_plenty and self._ahead is None and not self._slots.at_hand(time.monotonic()):
            self._ahead = asyncio.ensure_future(self._ask_ahead())

    async def _ask_ahead(self) -> None:
        """While the last slot's request is under way, so that the next one need not wait for the database."""
        try:
            with suppress(StorageError):
                await self._ask(_ONCE)
        finally:
            self._ahead = None

    def request_ended(self, which: Hashable, now: float) -> None:
        """Its answer begins, or none will come."""
        self._slots.request_ended(which, now)
        self._report_soon()

    def heard(self, which: Hashable, window: RateWindow) -> None:
        """The answer to this request has spoken of this window."""
        reported = window.reported
        if reported is not None and self._run is not None:
            self._limit, self._is_limited = reported[0], True
            self._slots.heard(which, *reported)
            self._report_soon()

    def run_opened(self, run: OpenRun) -> None:
        """Of one that has the credential."""
        if run.waits.credential_id is not None:
            self._run = run
            self._is_limited = self._is_limited or run.waits.has_budget
            self._known.learned(run.waits.closed, time.monotonic())

    def wait_asked(self, seconds: float, *, is_binding: bool) -> None:
        """A run of this crawl has heard it from the API."""
        self._known.asked(seconds, time.monotonic(), is_binding=is_binding)

    def _received(self, report: Report, exchanged: Exchanged) -> None:
        self._slots.received(report)
        closed = Closed(exchanged.closed_seconds)
        if self._known.learned(closed, time.monotonic(), _WORTH_NOTING_SECONDS):
            self.on_learned(closed)

    def _exchange(self, report: Report, ask: Ask | None) -> Exchanged:
        assert self._run is not None
        assert self._run.waits.credential_id is not None
        try:
            if self._connection is None:
                self._connection = connect(self._database_url, label=label(self._run.run_id, "budget"))
            return exchange(self._connection, self._run.waits.credential_id, report, ask, self._declared)
        except StorageError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        close_quietly(self._connection)
        self._connection = None

    def _report_soon(self) -> None:
        """What is not reported yet is, soon; and of what is under way it is said again that it is."""
        if self._reporting is not None or not self.governs or not (self._slots.are_held or not self._slots.is_reported):
            return
        seconds = _SAY_AGAIN_SECONDS if self._slots.is_reported else _REPORT_WITHIN_SECONDS
        self._reporting = asyncio.ensure_future(self._report(seconds))

    async def _report(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            async with self._asking:
                report = self._slots.report()
                self._received(report, await self._worker.submit(lambda: self._exchange(report, None)))
        except StorageError as error:
            # Whoever asks next reports it, and waits for the database.
            logger.debug("what became of slots of the budget could not be reported: %s", error)
        finally:
            self._reporting = None
        self._report_soon()

    def stop(self) -> None:
        """The database is not waited for any more."""
        self._stopped.set()

    async def close(self) -> None:
        """No sync has the credential any more: what is not used is given back."""
        for task in (self._reporting, self._ahead):
            if task is not None:
                task.cancel()
        self._slots.return_all()
        with suppress(StorageError, TimeoutError):
            if self._run is not None and self._connection is not None and not self._slots.is_reported:
                report = self._slots.report()
                await asyncio.wait_for(self._worker.submit(lambda: self._exchange(report, None)), _END_SECONDS)
        if self._connection is not None:
            self._worker.submit(self._disconnect)
        self._worker.close()


def _retrieved(asking: asyncio.Future[Answer]) -> None:
    """Whoever has asked may wait no more; then nobody hears of an error."""
    if not asking.cancelled():
        asking.exception()
