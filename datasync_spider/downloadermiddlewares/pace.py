"""How fast the requests of one credential may leave: as good answers ask for, and a source's declared budget.

Answers ask by their rate window, or by a Retry-After; the budget holds whatever they say, and they whatever it leaves.
Budget and window are the credential's, of which the database gives slots (:mod:`.sharedbudget`); what is kept here of
them counts where no run is open that would have a credential.

Headers are read when they arrive, not when the body is whole: the seconds in them count from there. What the status
adds to them is known a little later, when Scrapy gives the whole response. The arithmetic is in
:mod:`datasync_spider.pacing`. What an answer asks for that is no page is waited for by whoever asks again; here it
counts for what comes after. Invariant: a wait is begun only where it ends within the page's budget; what another run
has heard for the same credential, before this one or beside it, counts by itself. All syncs of a crawl that have the
credential share one pace; what it says of a wait is said to the sync whose request waits.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from weakref import WeakSet

from msgspec import Struct

from datasync_spider import signals
from datasync_spider.downloadermiddlewares.sharedbudget import SharedBudget
from datasync_spider.errors import WaitTooLong
from datasync_spider.pacing.book import DECLARED, Answer
from datasync_spider.pacing.budget import RequestBudget
from datasync_spider.pacing.dialect import KNOWN, Dialect
from datasync_spider.pacing.headers import (
    AskedWait,
    asks_to_wait,
    read_asked_wait,
    read_poll_interval,
    read_rate_headers,
    reset_source,
)
from datasync_spider.pacing.retry import RetryState
from datasync_spider.pacing.waittexts import asked_by, too_long_text
from datasync_spider.pacing.window import RateWindow
from datasync_spider.process.throttle import Throttle
from datasync_spider.process.waiting import Waiter, unless_halted
from datasync_spider.records.headers import plain_headers
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Headers

    from datasync_spider.pacing.askedwaits import Closed
    from datasync_spider.storage.runs import OpenRun
    from datasync_spider.sync.plan import SyncPlan
    from datasync_spider.sync.slicesync import SliceSync

logger = logging.getLogger(__name__)

_REASON = "rate_window"
# The end of a window is worth a word; a look whether others are done with theirs is not.
_SHORT_SECONDS = 1.0
_REPORT_EVERY_SECONDS = 0.05


class _Hold(Struct, frozen=True):
    """Who asked for a wait. ``is_binding``: with a refusal. ``is_inherited``: another run was asked."""

    asked_in: str
    is_plausible: bool = True
    is_binding: bool = False
    is_inherited: bool = False


class _Came(Struct, frozen=True):
    """Headers that ask for a wait, and when they came; what they mean depends on the answer's status."""

    headers: Mapping[str, str]
    at: float
    at_epoch: float
    ends_window: bool


_KEPT = _Hold(
    "said to another run with this credential, ingestion_credentials.closed_until", is_binding=True, is_inherited=True
)
_ADVISED = _Hold("said to another run with this credential, ingestion_credentials.advised_until", is_inherited=True)
_SHARED = _Hold("used up by all runs with this credential, ingestion_budgets", is_inherited=True)


class Pace:
    """One window: one key, one bucket. ``declared``: what its source allows, beside what the API says.

    ``shared``: both, for all with the credential. ``dialect``: in which words the API says it. ``at_once``: so many
    requests may be under way, None for as many as come.
    """

    def __init__(
        self,
        crawler: Crawler,
        budget_seconds: float,
        shared: SharedBudget,
        declared: RequestBudget | None = None,
        dialect: Dialect = KNOWN,
        at_once: int | None = None,
    ) -> None:
        self._crawler = crawler
        self._waiter = Waiter(crawler)
        self._budget_seconds = budget_seconds
        self._shared = shared
        shared.on_learned = self.learned
        self._window = RateWindow(budget_seconds, None if declared is None else declared.size)
        self._declared = declared
        self._dialect = dialect
        self._places = None if at_once is None else asyncio.Semaphore(at_once)
        self._in_flight: set[Request] = set()
        self._window_ends_by = ""
        self._hold = _Hold("")
        self._hold_ends_at = -math.inf
        self._throttle = Throttle(_REPORT_EVERY_SECONDS)
        self._came: dict[Request, _Came] = {}
        self._have_polled: WeakSet[SliceSync] = WeakSet()
        self.syncs: set[SliceSync] = set()
        """Those that are open, and have the credential."""

    @classmethod
    def of(cls, crawler: Crawler, plan: SyncPlan) -> Self:
        """``plan``: of a sync with the credential, as good as any other's."""
        budget_seconds, budget = plan.config.rate_limit_wait_budget_ms / 1000, plan.source.budget
        declared = None
        if budget is not None and budget.requests is not None and budget.seconds is not None:
            declared = RequestBudget(budget.requests, budget.seconds)
        shared = SharedBudget.of(plan, services_of(crawler))
        return cls(crawler, budget_seconds, shared, declared, Dialect.of(budget), plan.requests_at_once)

    def run_opened(self, run: OpenRun, sync: SliceSync) -> None:
        """A sync with the credential goes on."""
        self.syncs.add(sync)
        self._shared.run_opened(run)
        self.learned(run.waits.closed)

    def learned(self, closed: Closed) -> None:
        """What the API asked of another run binds this one: a refusal in full, advice for the budget at most."""
        now = time.monotonic()
        self._hold_back(closed.seconds, _KEPT, now)
        self._hold_back(min(closed.advised_seconds, self._budget_seconds), _ADVISED, now)

    def page_asked_wait(self, asked: AskedWait) -> None:
        """A page that was read asks that the next request waits."""
        self._hold_back(asked.seconds, _Hold(asked_by(HTTPStatus.OK, asked.source)), time.monotonic())

    def _hold_back(self, seconds: float, hold: _Hold, now: float) -> None:
        if seconds <= 0:
            return
        self._window.rate_limited(seconds, now)
        if now + seconds >= self._hold_ends_at:
            self._hold, self._hold_ends_at = hold, now + seconds

    def wait_asked(self, seconds: float, *, is_binding: bool) -> None:
        """What others with the credential are to hear of it."""
        self._shared.wait_asked(seconds, is_binding=is_binding)

    def stop(self) -> None:
        """The database is not waited for any more."""
        self._shared.stop()

    async def close(self) -> None:
        """No sync has the credential any more."""
        await self._shared.close()

    async def let_go(self, request: Request) -> None:
        """Returns when the request may leave, and counts as having left. Raises what ends its run, or Stopped."""
        if self._places is not None:
            await self._take_place(self._places, request)
        try:
            # All are asked of one instant: a window may end between two.
            while True:
                now = time.monotonic()
                if (seconds := self._window_seconds(now)) > 0:
                    await self._wait(request, seconds, now)
                elif (seconds := self._declared_seconds(now)) > 0:
                    await self._wait_for_budget(request, seconds)
                elif not self._shared.at_hand(now):
                    await self._wait_for_slot(request, await self._shared.ask(request.meta["sync"]))
                else:
                    break
        except BaseException:
            self._give_place()
            raise
        self._in_flight.add(request)
        self._window.request_sent(now)
        self._shared.request_sent(request)
        if self._declared is not None:
            self._declared.request_sent(now, request)
        # A page's fetch time counts from here; what was waited before counts as waited.
        request.meta["asked_at"] = now

    async def _take_place(self, places: asyncio.Semaphore, request: Request) -> None:
        if places.locked():
            await unless_halted(request.meta["sync"], places.acquire(), "others with the same credential are served")
        else:
            await places.acquire()

    def left(self, request: Request) -> None:
        """Its answer is here, or none will come."""
        # Where headers came and the body did not.
        self._understand(request, None)
        self._ended(request, time.monotonic())
        if request in self._in_flight:
            self._in_flight.remove(request)
            self._give_place()

    def _give_place(self) -> None:
        if self._places is not None:
            self._places.release()

    def _ended(self, request: Request, now: float) -> None:
        """It counts from now on, and not from when it left."""
        self._shared.request_ended(request, now)
        if self._declared is not None:
            self._declared.request_ended(now, request)

    def _window_seconds(self, now: float) -> float:
        seconds = self._window.wait_seconds(now)
        # Who has heard of an end that is too far away ends here; the others are held back as far as is bearable.
        if self._shared.governs and seconds <= self._budget_seconds:
            return self._window.held_seconds(now)
        return seconds

    def _declared_seconds(self, now: float) -> float:
        return 0.0 if self._declared is None or self._shared.governs else self._declared.wait_seconds(now)

    async def _wait_for_slot(self, request: Request, answer: Answer) -> None:
        if answer.slots:
            return
        if answer.reason == DECLARED:
            await self._wait_for_budget(request, answer.wait_seconds)
        elif answer.wait_seconds < _SHORT_SECONDS:
            await self._wait_quietly(request, answer.wait_seconds, answer.reason)
        else:
            now = time.monotonic()
            self._window.held_by_others(answer.wait_seconds, now)
            self._hold, self._hold_ends_at = _SHARED, now + answer.wait_seconds

    async def _wait_for_budget(self, request: Request, seconds: float) -> None:
        """No one but the source's file asks for it, so it is held against no budget for waits."""
        await self._wait_quietly(request, seconds, DECLARED, str(self._declared))

    async def _wait_quietly(self, request: Request, seconds: float, reason: str, asked: str = "") -> None:
        level = logging.INFO if seconds >= 1 else logging.DEBUG
        fields = {"page_number": request.meta.get("page_number")}
        waited_ms = await self._waiter.wait(request.meta["sync"], seconds, reason, level, fields, asked)
        request.meta["waited_ms"] = request.meta.get("waited_ms", 0) + waited_ms

    async def _wait(self, request: Request, seconds: float, now: float) -> None:
        # A window of which only the end is known is explained by its headers alone.
        is_held = self._window.is_held(now)
        hold = self._hold if is_held else _Hold(self._window_ends_by)
        asked = AskedWait(self._window.asked_seconds(now), hold.asked_in, hold.is_plausible)
        state: RetryState = request.meta.get("retry_state") or RetryState()
        if not hold.is_inherited:
            most = math.inf if hold.is_binding else self._budget_seconds
            self._crawler.signals.send_catch_log(
                signals.wait_asked,
                sync=request.meta["sync"],
                seconds=min(seconds, most),
                is_binding=hold.is_binding,
            )
            request.meta["retry_state"] = state.held(now)
        if not state.allows(asked.seconds, self._budget_seconds, now):
            raise WaitTooLong(
                too_long_text(asked, asked.source, self._budget_seconds, time.time(), is_kept=hold.is_binding)
            )
        await self._wait_quietly(request, seconds, _REASON, hold.asked_in if is_held else "")

    def headers_received(self, headers: Headers, request: Request) -> None:
        """The answer begins."""
        now = time.monotonic()
        plain = plain_headers(headers)
        now_epoch = time.time()
        reported = read_rate_headers(plain, now_epoch, self._dialect)
        self._window.observe(reported, now, len(self._in_flight - {request}))
        self._shared.heard(request, self._window)
        self._ended(request, now)
        # A window that is used up is what a wait will be explained by.
        ends_window = self._window.remaining == 0
        if self._throttle.lets_through(now, always=ends_window):
            self._crawler.signals.send_catch_log(
                signals.rate_window_observed,
                sync=request.meta["sync"],
                limit=self._window.limit,
                remaining=self._window.remaining,
                reset_seconds=reported.reset_after_seconds,
            )
        self._read_poll_interval(request.meta["sync"], plain, now_epoch)
        if ends_window or asks_to_wait(plain, self._dialect):
            self._came[request] = _Came(plain, now, now_epoch, ends_window)

    def _read_poll_interval(self, sync: SliceSync, headers: Mapping[str, str], now_epoch: float) -> None:
        # Of the first answer alone: the interval is that between two syncs, and it has begun then.
        if sync in self._have_polled:
            return
        asked = read_poll_interval(headers, now_epoch, self._dialect)
        if asked is not None:
            self._have_polled.add(sync)
            self._crawler.signals.send_catch_log(signals.poll_interval_asked, sync=sync, seconds=asked.seconds)

    def downloaded(self, request: Request, status: int) -> None:
        """The answer is whole."""
        self._understand(request, status)

    def _understand(self, request: Request, status: int | None) -> None:
        came = self._came.pop(request, None)
        if came is None:
            return
        if came.ends_window:
            self._window_ends_by = asked_by(status, reset_source(came.headers, self._dialect)) or self._window_ends_by
        if asks_to_wait(came.headers, self._dialect):
            self._read_wait(came, status)

    def _read_wait(self, came: _Came, status: int | None) -> None:
        is_refusal = status == HTTPStatus.TOO_MANY_REQUESTS
        asked = read_asked_wait(came.headers, b"", came.at_epoch, is_rate_limit=is_refusal, dialect=self._dialect)
        # What no unit makes plausible means nothing beside what the body of an answer that is no page may say.
        if asked is not None and (asked.is_plausible or status in {None, HTTPStatus.OK}):
            hold = _Hold(asked_by(status, asked.source), asked.is_plausible, is_refusal and asked.is_plausible)
            self._hold_back(asked.seconds, hold, came.at)
