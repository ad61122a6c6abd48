"""One request to the API, outside of a crawl: to look at it, or to submit something.

Invariant: what the crawl's download handler promises holds here too. Only the configured origin is asked; redirects
are not followed; TLS is verified; one time limit covers everything from the connection to the last byte of the body;
a body comes out whole or not at all and never larger than allowed; the client says honestly what it is. What proves
who asks appears in no message. Nothing is ever asked twice: whether to ask again is the caller's to say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO

from msgspec import Struct

from datasync_spider.config.proxies import proxy_for
from datasync_spider.errors import ConnectionTrouble, OriginRefused, Stopped
from datasync_spider.records.headers import merged_pairs
from datasync_spider.sources.requests import PageRequest
from datasync_spider.sources.signing import Signer
from datasync_spider.sources.spec import Pairs
from datasync_spider.sources.urls import origin, same_origin
from datasync_spider.sync.plan import ACCEPT, SyncPlan
from datasync_spider.transport.errors import NameNotFound, NotConnected, ProxyRefused
from datasync_spider.transport.exchange import TROUBLE, Answer, Exchange, proxy_choice, said_of
from datasync_spider.transport.reactor import run
from datasync_spider.transport.tokens import TokenKeeper, TokenNotGiven
from datasync_spider.transport.upload import Attempt, BodyFile, Sender

__all__ = ["Answer", "AnswerLost", "ApiClient", "NothingSent", "Upload"]

_BEFORE_ANYTHING = (NameNotFound, NotConnected, ProxyRefused)


class NothingSent(ConnectionTrouble):
    """There was no connection, so not one byte has left: the request can be repeated without a second thought."""


class AnswerLost(ConnectionTrouble):
    """A connection was made and no whole answer came: what the server made of the request cannot be known from here.

    ``reason`` is ``stopped`` where a signal ended the wait.
    """


class Upload(Struct, frozen=True):
    """A body to stream: ``size`` bytes of ``file``, from where it stands.

    ``progress`` gets the number of bytes handed over so far.
    """

    file: BinaryIO
    size: int
    content_type: str
    progress: Callable[[int], None] | None = None


class ApiClient:
    """``headers``: what requests carry to say who asks. ``is_direct``: past any proxy that the environment names.

    ``keeper`` has the token that goes with each request that reads, ``signer`` signs them.
    """

    def __init__(
        self,
        base_url: str,
        headers: Pairs,
        user_agent: str,
        timeout_seconds: float,
        max_body_bytes: int,
        *,
        is_direct: bool = False,
        keeper: TokenKeeper | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.base_url = base_url
        self._proxy = None if is_direct else proxy_choice(proxy_for(base_url))
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._keeper = keeper
        self._signer = signer
        self._exchange = Exchange(timeout_seconds, max_body_bytes, self._proxy)
        self._headers = merged_pairs((*ACCEPT, ("User-Agent", user_agent)), headers)

    @classmethod
    def of(cls, plan: SyncPlan, *, timeout_seconds: float | None = None, is_anonymous: bool = False) -> ApiClient:
        """Asks as a crawl of the plan does. ``is_anonymous``: without its credential."""
        config = plan.config
        grant, signer = plan.authorization.grant, plan.authorization.signer
        return cls(
            plan.base_url_text,
            () if is_anonymous else (*plan.headers, *plan.authorization.headers),
            config.user_agent,
            plan.timeout.value if timeout_seconds is None else timeout_seconds,
            config.max_body_bytes,
            is_direct=plan.is_bundled_mock,
            keeper=None if is_anonymous or grant is None else TokenKeeper(plan, grant),
            signer=None if is_anonymous else signer,
        )

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        """What every request carries, the key included: not to be shown as it is."""
        return self._headers

    def get(self, url: str) -> Answer:
        """The whole answer, whatever its status. Raises NothingSent, AnswerLost, OriginRefused or Stopped."""
        return self.ask(PageRequest("GET", url))

    def ask(self, request: PageRequest) -> Answer:
        """The same of any request that reads, whatever its method is called."""
        return self._sent_once(request.url, Attempt(has_begun=True), lambda: self._fetch(request), is_upload=False)

    def post(self, url: str, upload: Upload) -> Answer:
        """The same, with a body that is never in memory as a whole."""
        attempt = Attempt()
        return self._sent_once(url, attempt, lambda: self._send(url, upload, attempt), is_upload=True)

    def _sent_once(
        self, url: str, attempt: Attempt, work: Callable[[], Coroutine[Any, Any, Answer]], *, is_upload: bool
    ) -> Answer:
        """Gives the trouble of the work the one of two names that it must have."""
        if not same_origin(url, self.base_url):
            raise OriginRefused(f"a request was refused: it would leave the API at {origin(self.base_url)}")
        try:
            return run(work)
        except Stopped as error:
            if not is_upload or not attempt.has_begun:
                raise
            raise AnswerLost("stopped", f"{error} came before the answer") from error
        except TokenNotGiven as error:
            raise NothingSent(error.error.reason, f"no token was given: {error}") from error
        except tuple(TROUBLE) as error:
            has_begun = attempt.has_begun and (is_upload or not isinstance(error, _BEFORE_ANYTHING))
            kind = AnswerLost if has_begun else NothingSent
            raise kind(*said_of(error, self._timeout_seconds)) from error

    async def _fetch(self, asked: PageRequest) -> Answer:
        url, headers = asked.url, merged_pairs(self._headers, asked.headers)
        if self._keeper is not None:
            token = self._keeper.at_hand() or (await self._keeper.renew()).token
            headers = merged_pairs(headers, [("Authorization", f"Bearer {token.access_token}")])
        if self._signer is not None:
            url, signature = self._signer.sign(asked.method, url, asked.body or b"")
            headers = merged_pairs(headers, signature)
        return await self._exchange.ask(asked.method, url, headers, asked.body)

    async def _send(self, url: str, upload: Upload, attempt: Attempt) -> Answer:
        started = time.monotonic()
        sender = Sender(self._max_body_bytes, time.time, self._proxy)
        headers = [*self._headers, ("Content-Type", upload.content_type)]
        body = BodyFile(upload.file, upload.size, upload.progress)
        async with asyncio.timeout(self._timeout_seconds):
            sent = await sender.post(url, headers, body, attempt)
        return Answer(sent.status, sent.headers, sent.body, sent.received_at, time.monotonic() - started)
