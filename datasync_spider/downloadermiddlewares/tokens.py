"""Adds the token that the API takes now, and has it renewed before its end, or when it is refused.

The last before the wire, since a wait for anything else may outlive a token. Invariant: however many requests want one,
one renewal is under way; what goes wrong with it is tried again as any request is, within the same budgets, and a stop
request ends it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from scrapy import signals as scrapy_signals
from scrapy.exceptions import NotConfigured

from datasync_spider import signals
from datasync_spider.downloadermiddlewares.retry import retry_policy
from datasync_spider.errors import Stopped, WaitTooLong
from datasync_spider.observe import stats
from datasync_spider.pacing.retry import GiveUp, RetryPolicy, RetryState, TooLong
from datasync_spider.pacing.waittexts import asked_by, too_long_text
from datasync_spider.process.waiting import Waiter
from datasync_spider.sync.plan import plan_of
from datasync_spider.sync.services import services_of

if TYPE_CHECKING:
    from typing import Any, Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from datasync_spider.sources.oauth import HeldToken
    from datasync_spider.transport.tokens import Given, TokenKeeper, TokenNotGiven

logger = logging.getLogger(__name__)

_STOP_GRACE_SECONDS = 3.0


class TokenMiddleware:
    """``keeper`` has the tokens, ``policy`` is pure, ``waiter`` pauses."""

    def __init__(self, crawler: Crawler, keeper: TokenKeeper, policy: RetryPolicy, waiter: Waiter) -> None:
        self._crawler = crawler
        self._keeper = keeper
        self._policy = policy
        self._waiter = waiter
        self._renewal: asyncio.Task[Given] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        plan = plan_of(crawler)
        grant = plan.authorization.grant
        if grant is None:
            raise NotConfigured
        # With the cryptography that it needs, it is a part of the start that most sources do without.
        from datasync_spider.transport.tokens import TokenKeeper  # noqa: PLC0415

        middleware = cls(crawler, TokenKeeper(plan, grant, services_of(crawler)), retry_policy(plan), Waiter(crawler))
        crawler.signals.connect(middleware._stop_requested, signals.stop_requested)
        crawler.signals.connect(middleware._spider_closed, scrapy_signals.spider_closed)
        return middleware

    async def process_request(self, request: Request) -> None:
        refused: HeldToken | None = request.meta.pop("refused_token", None)
        token, is_new = self._keeper.at_hand(refused), False
        if token is None:
            token, is_new = await self._renewed(refused)
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        request.meta["token"] = token
        # One that is refused as well is no matter of its age.
        request.meta["token_is_fresh"] = is_new and refused is not None

    async def _renewed(self, refused: HeldToken | None) -> Given:
        """Raises Stopped where a stop request comes first."""
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._renew(refused))
            self._renewal.add_done_callback(self._renewal_ended)
        renewal = self._renewal
        stopped = asyncio.ensure_future(self._waiter.wait_for_stop())
        try:
            await asyncio.wait((renewal, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not renewal.done():
                # A token that is on its way should be stored: its refresh token is the only one that counts.
                await asyncio.wait((renewal,), timeout=_STOP_GRACE_SECONDS)
        finally:
            stopped.cancel()
        # Another request that waited for the same one may have given it up already.
        if not renewal.done() or renewal.cancelled():
            renewal.cancel()
            raise Stopped("stopped while a token was asked for")
        return renewal.result()

    def _renewal_ended(self, renewal: asyncio.Task[Given]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            # Whoever waited for it has it; no one may have.
            renewal.exception()

    async def _renew(self, refused: HeldToken | None) -> Given:
        from datasync_spider.transport.tokens import TokenNotGiven  # noqa: PLC0415 - as TokenKeeper, which is here by then

        state = RetryState()
        while True:
            try:
                return await self._keeper.renew(refused)
            except TokenNotGiven as trouble:
                state = await self._wait(trouble, state)

    async def _wait(self, trouble: TokenNotGiven, state: RetryState) -> RetryState:
        """Raises what ends the run, or Stopped."""
        error, asked = trouble.error, trouble.asked
        jitter = random.random()  # noqa: S311 - no secret
        decision = self._policy.decide(state, error, time.monotonic(), jitter, asked)
        if isinstance(decision, TooLong):
            asked_in, budget_seconds = asked_by(trouble.status, decision.asked.source), self._policy.wait_budget_seconds
            raise WaitTooLong(too_long_text(decision.asked, asked_in, budget_seconds, time.time(), is_kept=False))
        if isinstance(decision, GiveUp):
            raise decision.error from trouble
        self._crawler.stats.inc_value(stats.RETRIES)
        self._crawler.stats.inc_value(stats.RETRIES_BY_REASON.format(reason=error.reason))
        logger.warning("no token was given: %s", error)
        is_asked = asked is not None and asked.seconds >= decision.delay_seconds
        words = asked_by(trouble.status, asked.source) if asked is not None and is_asked else ""
        await self._waiter.wait(decision.delay_seconds, decision.reason, asked=words)
        return decision.state

    def _stop_requested(self, **_: Any) -> None:
        self._keeper.stop(_STOP_GRACE_SECONDS)

    def _spider_closed(self, **_: Any) -> None:
        self._keeper.close()
