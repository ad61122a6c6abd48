"""Adds the token that the API takes now, and has it renewed before its end, or when it is refused.

The last before the wire, since a wait for anything else may outlive a token. Invariant: however many requests want one
of the same credential, one renewal is under way; what goes wrong with it is tried again as any request is, within the
same budgets, and whoever is to wait no more lets the others wait.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from datasync_spider import signals
from datasync_spider.downloadermiddlewares.retry import retry_policy
from datasync_spider.errors import Stopped, WaitTooLong
from datasync_spider.observe import stats
from datasync_spider.pacing.retry import GiveUp, RetryState, TooLong
from datasync_spider.pacing.waittexts import asked_by, too_long_text
from datasync_spider.process.waiting import Waiter
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from typing import Any, Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.sources.oauth import Grant, HeldToken
    from datasync_spider.sync.slicesync import SliceSync
    from datasync_spider.transport.tokens import Given, TokenKeeper, TokenNotGiven

logger = logging.getLogger(__name__)

_STOP_GRACE_SECONDS = 3.0


class _Pause(Exception):
    """No token was given, and is asked for again at ``until``."""

    def __init__(self, until: float, reason: str, asked: str) -> None:
        super().__init__(reason)
        self.until = until
        self.reason = reason
        self.asked = asked


class _Renewals:
    """Those of one credential. ``syncs``: those that have used it, and are open."""

    def __init__(self, crawler: Crawler, keeper: TokenKeeper) -> None:
        self.keeper = keeper
        self.syncs: set[SliceSync] = set()
        self._crawler = crawler
        self._waiter = Waiter(crawler)
        self._attempt: asyncio.Task[Given] | None = None
        self._state = RetryState()

    async def renewed(self, sync: SliceSync, refused: HeldToken | None) -> Given:
        """Raises what ends the sync, or Stopped where it is to wait no more."""
        while True:
            try:
                return await self._attempted(sync, refused)
            except _Pause as pause:
                seconds = max(0.0, pause.until - time.monotonic())
                await self._waiter.wait(sync, seconds, pause.reason, asked=pause.asked)
            if self._attempt is None and (token := self.keeper.at_hand(refused)) is not None:
                # Another one was first.
                return _given(token)

    async def _attempted(self, sync: SliceSync, refused: HeldToken | None) -> Given:
        if self._attempt is None:
            self._attempt = asyncio.ensure_future(self._renew(sync, refused))
            self._attempt.add_done_callback(self._attempt_ended)
        attempt = self._attempt
        halted = asyncio.ensure_future(sync.halted.wait())
        try:
            await asyncio.wait((attempt, halted), return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                # A token that is on its way should be stored: its refresh token is the only one that counts.
                await asyncio.wait((attempt,), timeout=_STOP_GRACE_SECONDS)
        finally:
            halted.cancel()
        # Another request that waited for the same one may have given it up already.
        if not attempt.done() or attempt.cancelled():
            if all(one.halted.is_set() for one in self.syncs):
                attempt.cancel()
            raise Stopped("stopped while a token was asked for")
        return attempt.result()

    def _attempt_ended(self, attempt: asyncio.Task[Given]) -> None:
        self._attempt = None
        if not attempt.cancelled():
            # Whoever waited for it has it; no one may have.
            attempt.exception()

    async def _renew(self, sync: SliceSync, refused: HeldToken | None) -> Given:
        """Asks once. Raises _Pause, or what ends all that wait for it."""
        from datasync_spider.transport.tokens import TokenNotGiven  # noqa: PLC0415 - as TokenKeeper, which is here by then

        state, self._state = self._state, RetryState()
        try:
            return await self.keeper.renew(refused)
        except TokenNotGiven as trouble:
            raise self._pause(sync, trouble, state) from trouble

    def _pause(self, sync: SliceSync, trouble: TokenNotGiven, state: RetryState) -> _Pause:
        """Raises what ends the run."""
        error, asked, policy = trouble.error, trouble.asked, retry_policy(sync.plan)
        jitter = random.random()  # noqa: S311 - no secret
        now = time.monotonic()
        decision = policy.decide(state, error, now, jitter, asked)
        if isinstance(decision, TooLong):
            asked_in, budget_seconds = asked_by(trouble.status, decision.asked.source), policy.wait_budget_seconds
            raise WaitTooLong(too_long_text(decision.asked, asked_in, budget_seconds, time.time(), is_kept=False))
        if isinstance(decision, GiveUp):
            raise decision.error from trouble
        self._state = decision.state
        sync.retried()
        self._crawler.stats.inc_value(stats.RETRIES)
        self._crawler.stats.inc_value(stats.RETRIES_BY_REASON.format(reason=error.reason))
        logger.warning("no token was given: %s", error)
        is_asked = asked is not None and asked.seconds >= decision.delay_seconds
        words = asked_by(trouble.status, asked.source) if asked is not None and is_asked else ""
        return _Pause(now + decision.delay_seconds, decision.reason, words)


class TokenMiddleware:
    """Where the plan of a request's sync has a token at all."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._renewals: dict[tuple[str, str], _Renewals] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware._stop_requested, signals.stop_requested)
        crawler.signals.connect(middleware._sync_closed, signals.sync_closed)
        return middleware

    async def process_request(self, request: Request) -> None:
        sync: SliceSync = request.meta["sync"]
        grant = sync.plan.authorization.grant
        if grant is None:
            return
        renewals = self._of(sync, grant)
        refused: HeldToken | None = request.meta.pop("refused_token", None)
        token, is_new = renewals.keeper.at_hand(refused), False
        if token is None:
            token, is_new = await renewals.renewed(sync, refused)
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        request.meta["token"] = token
        # One that is refused as well is no matter of its age.
        request.meta["token_is_fresh"] = is_new and refused is not None

    def _of(self, sync: SliceSync, grant: Grant) -> _Renewals:
        # With the cryptography that it needs, it is a part of the start that most sources do without.
        from datasync_spider.transport.tokens import TokenKeeper  # noqa: PLC0415

        key = _key(grant)
        if key not in self._renewals:
            self._renewals[key] = _Renewals(self._crawler, TokenKeeper(sync.plan, grant, services_of(self._crawler)))
        renewals = self._renewals[key]
        renewals.syncs.add(sync)
        return renewals

    def _sync_closed(self, sync: SliceSync, **_: Any) -> None:
        grant = sync.plan.authorization.grant
        renewals = None if grant is None else self._renewals.get(_key(grant))
        if grant is None or renewals is None:
            return
        renewals.syncs.discard(sync)
        if not renewals.syncs:
            del self._renewals[_key(grant)]
            renewals.keeper.close()

    def _stop_requested(self, **_: Any) -> None:
        for renewals in self._renewals.values():
            renewals.keeper.stop(_STOP_GRACE_SECONDS)


def _key(grant: Grant) -> tuple[str, str]:
    return grant.token_url, grant.key


def _given(token: HeldToken) -> Given:
    from datasync_spider.transport.tokens import Given  # noqa: PLC0415 - as above

    return Given(token, is_new=True)
