"""One request to the API, outside of a crawl: to look at it, or to hand something in.

Invariant: what the crawl's download handler promises holds here too. Only the configured origin is asked; redirects
are not followed; TLS is verified; one time limit covers everything from the connection to the last byte of the body;
a body comes out whole or not at all and never larger than allowed; the client says honestly what it is. The key is
sent as X-API-Key and appears in no message. Nothing is ever asked twice: whether to ask again is the caller's to say.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import aiohttp
from yarl import URL

from datasync_spider.api.endpoint import origin, same_origin
from datasync_spider.errors import ConnectionTrouble, OriginRefused, Stopped
from datasync_spider.headers import plain_pairs
from datasync_spider.local.shutdown import stop_signals
from datasync_spider.proxies import proxy_for
from datasync_spider.trust import remedy, tls_context

_T = TypeVar("_T")
_CHUNK_BYTES = 1 << 18

# aiohttp's errors by the slug under which the crawl counts the same trouble; the more special ones first.
_TROUBLE: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "host_not_found"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ClientHttpProxyError, "proxy_refused"),
    (aiohttp.ClientConnectorError, "connection_refused"),
    (aiohttp.ClientPayloadError, "body_cut"),
    (aiohttp.ClientError, "connection_failed"),
    (OSError, "connection_failed"),
)


class NothingSent(ConnectionTrouble):
    """There was no connection, so not one byte has left: the request can be repeated without a second thought."""


class AnswerLost(ConnectionTrouble):
    """A connection was made and no whole answer came: what the server made of the request cannot be known from here.

    ``reason`` is ``stopped`` where a signal ended the wait.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """``received_at``: seconds since the epoch when the headers were in. ``seconds``: from the call to the end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: float
    seconds: float

    def plain_headers(self) -> dict[str, str]:
        """Text by lower-case name, as :func:`datasync_spider.headers.plain_pairs` has it."""
        return plain_pairs(self.headers)


@dataclass(frozen=True, slots=True)
class Upload:
    """A body to stream: ``size`` bytes of ``file``, from where it stands.

    ``progress`` gets the number of bytes handed over so far.
    """

    file: BinaryIO
    size: int
    content_type: str
    progress: Callable[[int], None] | None = None


class ApiClient:
    """``api_key`` None: requests carry none. ``is_direct``: past any proxy that the environment names."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        user_agent: str,
        timeout_seconds: float,
        max_body_bytes: int,
        *,
        is_direct: bool = False,
    ) -> None:
        self.base_url = base_url
        self._proxy_url = None if is_direct else proxy_for(base_url)
        self._is_tls = any(url.startswith("https:") for url in (base_url, self._proxy_url or ""))
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._headers = {"Accept": "application/json", "User-Agent": user_agent}
        if api_key is not None:
            self._headers["X-API-Key"] = api_key

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        """What every request carries, the key included: not to be shown as it is."""
        return tuple(self._headers.items())

    def get(self, url: str) -> Answer:
        """The whole answer, whatever its status. Raises NothingSent, AnswerLost, OriginRefused or Stopped."""
        return self._ask("GET", url, None)

    def post(self, url: str, upload: Upload) -> Answer:
        """The same, with a body that is never in memory as a whole."""
        return self._ask("POST", url, upload)

    def _ask(self, method: str, url: str, upload: Upload | None) -> Answer:
        if not same_origin(url, self.base_url):
            raise OriginRefused(f"a request was refused: it would leave the API at {origin(self.base_url)}")
        connections: list[None] = []
        try:
            return _run(self._exchange(method, url, upload, lambda: connections.append(None)))
        except ConnectionTrouble as error:
            kind = AnswerLost if connections else NothingSent
            raise kind(error.reason, error.detail) from error
        except Stopped as error:
            if upload is None or not connections:
                raise
            raise AnswerLost("stopped", f"{error} came before the answer") from error

    async def _exchange(
        self, method: str, url: str, upload: Upload | None, connection_made: Callable[[], None]
    ) -> Answer:
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._session(connection_made) as session,
                session.request(
                    method,
                    # As it is: what is percent-encoded stays so.
                    URL(url, encoded=True),
                    data=None if upload is None else _pieces(upload),
                    headers=self._headers | _upload_headers(upload),
                    allow_redirects=False,
                    # aiohttp's own way of finding it would also send what .netrc holds for the API's host.
                    proxy=self._proxy_url,
                ) as answer,
            ):
                received_at = time.time()
                body = await self._read(answer)
                # A server may answer before it has read everything: what it does not want is not sent on.
                answer.close()
        except tuple(kind for kind, _ in _TROUBLE) as error:
            raise self._trouble(error) from error
        seconds = time.monotonic() - started
        return Answer(answer.status, tuple(answer.headers.items()), body, received_at, seconds)

    @asynccontextmanager
    async def _session(self, connection_made: Callable[[], None]) -> AsyncIterator[aiohttp.ClientSession]:
        begun: list[None] = []

        async def begin(*_: Any) -> None:
            # aiohttp would ask again by itself where the connection of a GET is lost before the answer.
            if begun:
                raise aiohttp.ServerDisconnectedError("the connection was lost before the answer")
            begun.append(None)

        async def end(*_: Any) -> None:
            connection_made()

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(begin)
        trace.on_connection_create_end.append(end)
        sockets: list[socket.socket] = []

        def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
            made = socket.socket(*address[:3])
            made.setblocking(False)
            sockets.append(made)
            return made

        try:
            async with aiohttp.ClientSession(
                # Its own way to verify would be what the environment said when aiohttp was imported.
                connector=aiohttp.TCPConnector(socket_factory=make_socket, ssl=tls_context() if self._is_tls else True),
                cookie_jar=aiohttp.DummyCookieJar(),
                # One limit covers all, in _exchange; aiohttp's own would be further ones.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trace_configs=[trace],
            ) as session:
                yield session
        finally:
            # A transport that still has something to send waits for a peer that may never read it.
            for made in sockets:
                with suppress(OSError):
                    made.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        limit = self._max_body_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > limit:
                raise ConnectionTrouble("body_too_large", f"the body exceeds {limit:,} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    def _trouble(self, error: Exception) -> ConnectionTrouble:
        reason = next(reason for kind, reason in _TROUBLE if isinstance(error, kind))
        if reason == "timeout":
            return ConnectionTrouble(reason, f"no whole answer within {self._timeout_seconds:g} s")
        cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else None
        advice = f"; {remedy(cause)}" if isinstance(cause, ssl.SSLCertVerificationError) else ""
        return ConnectionTrouble(reason, f"{type(error).__name__}: {error}{advice}")


def _upload_headers(upload: Upload | None) -> dict[str, str]:
    # With the length told, aiohttp sends the pieces as they are instead of in chunked form, which fewer servers take.
    return {} if upload is None else {"Content-Type": upload.content_type, "Content-Length": str(upload.size)}


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    left = upload.size
    while left > 0 and (piece := upload.file.read(min(_CHUNK_BYTES, left))):
        left -= len(piece)
        yield piece
        if upload.progress is not None:
            upload.progress(upload.size - left)
    if left:
        raise OSError(f"the file ended {left} bytes early")


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine to its end in a loop of its own. Raises Stopped where a signal to stop comes first."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        received: list[str] = []

        def stop(name: str) -> None:
            received.append(name)
            task.cancel()

        async def wait() -> _T:
            return await task

        with _heard(loop, stop):
            try:
                return runner.run(wait())
            except asyncio.CancelledError:
                raise Stopped(received[0] if received else "cancelled") from None


@contextmanager
def _heard(loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> Iterator[None]:
    """Signals as events of the loop: an exception out of a handler could be raised, and swallowed, anywhere in it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in stop_signals()}
    for number in previous:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number, handler in previous.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
