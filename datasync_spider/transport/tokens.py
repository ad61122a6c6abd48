"""Has the token of a source's OAuth2 credential: the one at hand, a stored one, or a new one from the provider.

Invariant: a secret goes to the origin of ``token_url`` and to no other, by the crawl's own client. A token that came
with a new refresh token is given out only when both are stored (:mod:`datasync_spider.storage.tokens`). Each attempt
asks once: whether to ask again is the caller's to say.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple, TypeVar

from datasync_spider.config.proxies import proxy_for
from datasync_spider.config.trust import remedy
from datasync_spider.errors import (
    CertificateRefused,
    ConfigurationError,
    ConnectionTrouble,
    RateLimited,
    RetryableError,
)
from datasync_spider.logs.install import also_redact
from datasync_spider.pacing.headers import AskedWait, read_asked_wait
from datasync_spider.process.workers import Worker
from datasync_spider.records.headers import merged_pairs
from datasync_spider.sources.credential import Credential
from datasync_spider.sources.oauth import Grant, HeldToken, Token, read_token, shortened
from datasync_spider.storage.pool import FEWEST, Pool
from datasync_spider.storage.retrying import RetryPolicy, patiently
from datasync_spider.storage.sealing import Sealing
from datasync_spider.storage.tokens import StoredTokens, TokenRow
from datasync_spider.sync.plan import SyncPlan
from datasync_spider.sync.services import Services
from datasync_spider.transport.errors import NotTrusted
from datasync_spider.transport.exchange import TROUBLE, Exchange, proxy_choice, said_of

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

# The row is locked for as long as a request takes, and others wait for it.
_LONGEST_REQUEST_SECONDS = 60.0
_BEYOND_A_REQUEST_SECONDS = 10.0
_LARGEST_ANSWER_BYTES = 1_000_000


class Given(NamedTuple):
    """``is_new``: whether the provider has just been asked for it."""

    token: HeldToken
    is_new: bool


class TokenNotGiven(Exception):
    """One attempt failed, and another one may not. ``asked``: the wait that the provider asks for."""

    def __init__(self, error: RetryableError, asked: AskedWait | None = None, status: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked = asked
        self.status = status


class TokenKeeper:
    """For one crawl or command, on its event loop. Not for two at once: the caller lets others wait."""

    def __init__(self, plan: SyncPlan, grant: Grant, services: Services | None = None) -> None:
        config = plan.config
        self._renewals = nullcontext() if services is None else services.renewals
        self._grant = grant
        self._cache = plan.tokens
        self._source = plan.source.name
        self._user_agent = config.user_agent
        self._seconds = min(config.timeout_seconds, _LONGEST_REQUEST_SECONDS)
        most_bytes = min(config.max_body_bytes, _LARGEST_ANSWER_BYTES)
        self._exchange = Exchange(self._seconds, most_bytes, proxy_choice(proxy_for(grant.token_url)))
        self._patience = RetryPolicy(config.write_retry_budget_ms / 1000, 0.1, 2.0)
        self._stopped = threading.Event()
        self._worker = Worker("datasync-tokens") if services is None else services.worker()
        self._is_sealed = config.token_encryption_keys is not None
        sealing = Sealing(config.token_encryption_keys or ())
        self._row = self._made_row(config.database_url, None if services is None else services.pool, sealing)

    def _made_row(self, database_url: str | None, pool: Pool | None, sealing: Sealing) -> TokenRow | None:
        if self._grant.kind != "refresh":
            return None
        if database_url is None:
            raise ConfigurationError(
                f"source {self._source} has a refresh token, which is used only where its successor can be stored: set"
                " DATABASE_URL"
            )
        if pool is None:
            pool = Pool(database_url, FEWEST)
            # Nothing is kept between two renewals.
            pool.close()
        credential = Credential.of(self._grant.token_url, f"refresh {self._grant.key}")
        return TokenRow(pool, credential, self._source, sealing, self._seconds + _BEYOND_A_REQUEST_SECONDS)

    def at_hand(self, refused: HeldToken | None = None) -> HeldToken | None:
        """A token that this process has, and will live for long enough; not the one that the API has refused."""
        held = self._cache.find(self._grant)
        if held is None or held is refused or not held.is_good(time.monotonic(), self._grant.leeway_seconds):
            return None
        return held

    async def renew(self, refused: HeldToken | None = None) -> Given:
        """Another token than the one at hand.

        Raises TokenNotGiven, TokenRefused, CertificateRefused; for a refreshed one StorageErrors and TokensSealed, too.
        """
        if self._row is None:
            sent_at = time.monotonic()
            token = await self._ask(None)
            return Given(self._hold(token.access_token, sent_at, token.lifetime_seconds), is_new=True)
        async with self._renewals:
            try:
                return await self._refreshed(self._row, refused)
            finally:
                self._worker.submit(self._row.release)

    def stop(self, seconds: float) -> None:
        """What is under way has no more than this from now on; the database is not waited for."""
        self._stopped.set()
        self._exchange.shorten(seconds)

    def close(self) -> None:
        self._worker.close()

    async def _refreshed(self, row: TokenRow, refused: HeldToken | None) -> Given:
        stored = await self._patiently(row.lock, self._stopped)
        if stored is not None:
            self._hide(stored.refresh_token, stored.access_token)
            if self._is_usable(stored, refused):
                # Another process has renewed it.
                return Given(self._taken(stored, time.monotonic()), is_new=False)
        used = self._grant.refresh_token if stored is None else stored.refresh_token
        sent_at = time.monotonic()
        token = await self._ask(used)
        tokens = StoredTokens(
            token.refresh_token or used,
            token.access_token,
            None if token.lifetime_seconds is None else token.lifetime_seconds - (time.monotonic() - sent_at),
            token.lifetime_seconds,
        )
        # What the provider has replaced is lost unless it is stored, so that a stop does not end the trying.
        kept = await self._patiently(lambda: row.save(tokens), None)
        if not self._is_sealed:
            logger.warning(
                "the refresh token of source %s is stored as it is: set TOKEN_ENCRYPTION_KEY to have it encrypted",
                self._source,
            )
            self._is_sealed = True
        self._hide(kept.refresh_token, kept.access_token)
        return Given(self._taken(kept, time.monotonic()), is_new=True)

    async def _patiently(self, work: Callable[[], _T], stopped: threading.Event | None) -> _T:
        return await self._worker.submit(lambda: patiently(work, self._patience, stopped))

    def _is_usable(self, stored: StoredTokens, refused: HeldToken | None) -> bool:
        if refused is not None and stored.access_token == refused.access_token:
            return False
        left = stored.left_seconds
        return left is None or left > shortened(self._grant.leeway_seconds, stored.lifetime_seconds)

    def _taken(self, stored: StoredTokens, now: float) -> HeldToken:
        ends_at = None if stored.left_seconds is None else now + stored.left_seconds
        held = HeldToken(stored.access_token, ends_at, stored.lifetime_seconds)
        self._cache.put(self._grant, held)
        return held

    def _hold(self, access_token: str, sent_at: float, lifetime_seconds: float | None) -> HeldToken:
        ends_at = None if lifetime_seconds is None else sent_at + lifetime_seconds
        held = HeldToken(access_token, ends_at, lifetime_seconds)
        self._cache.put(self._grant, held)
        return held

    async def _ask(self, refresh_token: str | None) -> Token:
        headers, body = self._grant.asks(refresh_token)
        all_headers = merged_pairs((("User-Agent", self._user_agent),), headers)
        try:
            answer = await self._exchange.ask("POST", self._grant.token_url, all_headers, body)
        except NotTrusted as error:
            raise CertificateRefused(f"{error}; {remedy(error.refusal)}") from error
        except tuple(TROUBLE) as error:
            raise TokenNotGiven(ConnectionTrouble(*said_of(error, self._seconds))) from error
        plain = answer.plain_headers()
        try:
            token = read_token(self._grant, answer.status, plain.get("content-type", ""), answer.body, refresh_token)
        except RetryableError as error:
            is_rate_limit = isinstance(error, RateLimited)
            asked = read_asked_wait(plain, answer.body, time.time(), is_rate_limit=is_rate_limit)
            raise TokenNotGiven(error, asked, answer.status) from error
        self._hide(token.access_token, token.refresh_token or "")
        lives = "until it is refused" if token.lifetime_seconds is None else f"for {token.lifetime_seconds:g} s"
        logger.info("source %s has a new token, which is good %s", self._source, lives)
        return token

    def _hide(self, *tokens: str) -> None:
        """From now on no log line, and no end of a run, shows one."""
        self._cache.seen(*filter(None, tokens))
        also_redact(passing=filter(None, tokens))
