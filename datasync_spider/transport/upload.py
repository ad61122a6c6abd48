"""Sends one body by Twisted's Agent, piece by piece: what Scrapy's client would need to hold in memory as a whole.

Invariant: it is sent once, and whether a byte of it can have left is known. An answer is heard also where it comes
before everything was sent, and is never larger than allowed. TLS is verified, redirects are not followed, and the
connection is closed at the end, whoever may still be sending.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO, TypeAlias

from msgspec import Struct, field
from scrapy.exceptions import ResponseDataLossError
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    FileBodyProducer,
    ProxyAgent,
    RequestGenerationFailed,
    ResponseDone,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from datasync_spider.transport.coding import ACCEPTED, decoded, ends_by_itself
from datasync_spider.transport.errors import BodyCut, BodyTooLarge, ConnectionLost, HttpError, NotHttp
from datasync_spider.transport.places import Way, way_to
from datasync_spider.transport.trouble import trouble
from datasync_spider.transport.tunnel import TunnelEndpoint

_PIECE_BYTES = 1 << 18
_MOST_HEAD_BYTES = 256 * 1024

Pair: TypeAlias = tuple[str, str]


class Attempt(Struct):
    """What is known of it at any time. ``has_begun``: a byte of the request can have left.

    ``refusal``: why its connection was given up from here.
    """

    has_begun: bool = False
    refusal: HttpError | None = None
    transports: list[Any] = field(default_factory=list)

    def give_up(self) -> None:
        """Closes what is open, at once."""
        for transport in list(self.transports):
            transport.abortConnection()


class Sent(Struct, frozen=True):
    """The whole answer. ``received_at``: when its headers were in, by the clock that was given."""

    status: int
    headers: tuple[Pair, ...]
    body: bytes
    received_at: float


class BodyFile:
    """``size`` bytes of a file from where it stands, as Twisted's producer reads a file; it is not closed."""

    def __init__(self, file: BinaryIO, size: int, progress: Callable[[int], None] | None) -> None:
        self._file = file
        self._size = size
        self._progress = progress
        self._given = 0
        self._offset = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Asked for the length alone, before anything is read."""
        self._offset = self._size + offset if whence == os.SEEK_END else offset

    def tell(self) -> int:
        return self._offset

    def read(self, count: int) -> bytes:
        piece = self._file.read(min(count, self._size - self._given))
        self._given += len(piece)
        if piece and self._progress is not None:
            self._progress(self._given)
        return piece

    def close(self) -> None:
        """It is its owner's."""


class ProxyChoice(Struct, frozen=True):
    """``url`` without userinfo; ``authorization`` is the value of Proxy-Authorization, for the proxy alone."""

    url: str
    authorization: str | None = None


class Sender:
    """``max_body_bytes``: of the answer, decompressed or not. ``clock`` says when its headers were in."""

    def __init__(self, max_body_bytes: int, clock: Callable[[], float], proxy: ProxyChoice | None = None) -> None:
        self._max_body_bytes = max_body_bytes
        self._clock = clock
        self._proxy = proxy

    async def post(self, url: str, headers: Sequence[Pair], body: BodyFile, attempt: Attempt) -> Sent:
        """Limit the time by cancelling. Raises an HttpError, or ValueError for a URL that cannot be used."""
        way = way_to(url, self._proxy.url if self._proxy else None)
        try:
            answer = await self._begun(way, url, headers, body, attempt)
            if answer.version[0].upper() != b"HTTP" or answer.version[1] != 1:
                raise NotHttp("what came is not HTTP: its first line names another protocol")
            received_at = self._clock()
            came = await self._read(answer)
        except Exception as error:
            ours = attempt.refusal or trouble(error, way.first, self._max_body_bytes)
            if ours is None:
                raise
            raise ours from error
        finally:
            # A server may answer before it has read everything: what it does not want is not sent on.
            attempt.give_up()
        pairs = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in answer.headers.getAllRawHeaders()
            for value in values
        )
        coding = ",".join(value for name, value in pairs if name.lower() == "content-encoding")
        return Sent(answer.code, pairs, decoded(came, coding, self._max_body_bytes), received_at)

    async def _begun(self, way: Way, url: str, headers: Sequence[Pair], body: BodyFile, attempt: Attempt) -> Any:
        from twisted.internet import reactor  # noqa: PLC0415 - importing it earlier would install another one

        endpoints = _Endpoints(reactor, way, attempt, self._max_body_bytes, self._proxy)
        named = Headers({"Accept-Encoding": [ACCEPTED.decode("ascii")]})
        for name, value in headers:
            named.addRawHeader(name, value)
        agent: Any
        if way.proxy is not None and not way.place.is_tls:
            if self._proxy is not None and self._proxy.authorization is not None:
                named.addRawHeader("Proxy-Authorization", self._proxy.authorization)
            agent = ProxyAgent(endpoints.endpoint(), reactor)  # type: ignore[no-untyped-call]
        else:
            agent = Agent.usingEndpointFactory(reactor, endpoints)  # type: ignore[no-untyped-call]
        producer = FileBodyProducer(body, readSize=_PIECE_BYTES)  # type: ignore[no-untyped-call]
        try:
            begun: Deferred[Any] = agent.request(b"POST", url.encode("ascii"), named, producer)
            return await begun.asFuture(asyncio.get_running_loop())
        except RequestGenerationFailed as error:
            raise ConnectionLost("the request could not be written to its end") from error

    async def _read(self, answer: Any) -> bytes:
        if answer.length == 0:
            return b""
        reader = _BodyReader(self._max_body_bytes)
        answer.deliverBody(reader)
        return await reader.whole.asFuture(asyncio.get_running_loop())


class _BodyReader(Protocol):
    def __init__(self, max_bytes: int) -> None:
        self.whole: Deferred[bytes] = Deferred()
        self._max_bytes = max_bytes
        self._left_bytes = max_bytes
        self._pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes >= 0:
            self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        body = b"".join(self._pieces)
        match reason.value:
            case _ if self._left_bytes < 0:
                self.whole.errback(_too_large(self._max_bytes))
            case ResponseDone():
                self.whole.callback(body)
            case PotentialDataLoss() if ends_by_itself(body):
                # Neither a length nor chunks: the end of the connection is all that ends it.
                self.whole.callback(body)
            case PotentialDataLoss():
                text = "the connection was closed, no length had been announced, and the body has no end"
                self.whole.errback(BodyCut(text))
            case _:
                lost = ResponseDataLossError()
                lost.__cause__ = reason.value
                self.whole.errback(lost)


def _too_large(max_body_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than the {max_body_bytes} bytes that are allowed")


@implementer(IAgentEndpointFactory)
class _Endpoints:
    def __init__(
        self, reactor: Any, way: Way, attempt: Attempt, max_body_bytes: int, proxy: ProxyChoice | None
    ) -> None:
        self._reactor = reactor
        self._way = way
        self._attempt = attempt
        self._max_body_bytes = max_body_bytes
        self._proxy = proxy

    def endpointForURI(self, uri: URI) -> Any:
        """There is one way only."""
        return self.endpoint()

    def endpoint(self) -> Any:
        first, last = self._way.proxy or self._way.place, self._way.place
        endpoint: Any = HostnameEndpoint(self._reactor, first.host, first.port)
        is_tls = first.is_tls
        if self._proxy is not None and last.is_tls:
            endpoint, is_tls = TunnelEndpoint(endpoint, last, self._proxy.authorization), True
        if is_tls:
            host = last.host if last.is_tls else first.host
            endpoint = wrapClientTLS(optionsForClientTLS(host), endpoint)
        return _WatchedEndpoint(endpoint, self._attempt, self._max_body_bytes, is_tls=is_tls)


@implementer(IStreamClientEndpoint)
class _WatchedEndpoint:
    def __init__(self, endpoint: Any, attempt: Attempt, max_body_bytes: int, *, is_tls: bool) -> None:
        self._endpoint = endpoint
        self._attempt = attempt
        self._max_body_bytes = max_body_bytes
        self._is_tls = is_tls

    def connect(self, factory: Any) -> Deferred[Any]:
        watching: Any = WrappingFactory(factory)  # type: ignore[no-untyped-call]
        watching.noisy = False
        watching.protocol = partial(_Watched, self._attempt, self._max_body_bytes, self._is_tls)
        connected: Deferred[Any] = self._endpoint.connect(watching)
        return connected.addCallback(lambda watched: watched.wrappedProtocol)


@implementer(IHandshakeListener)
class _Watched(ProtocolWrapper):
    """Between the connection and whoever speaks HTTP over it."""

    def __init__(self, attempt: Attempt, max_body_bytes: int, is_tls: bool, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self._attempt = attempt
        self._max_body_bytes = max_body_bytes
        self._left_bytes = max_body_bytes + _MOST_HEAD_BYTES
        self._is_tls = is_tls

    def makeConnection(self, transport: Any) -> None:
        self._attempt.transports.append(transport)
        # What is written before a handshake waits for its end.
        self._attempt.has_begun = self._attempt.has_begun or not self._is_tls
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def handshakeCompleted(self) -> None:
        self._attempt.has_begun = True

    def dataReceived(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes >= 0:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
            return
        self._attempt.refusal = _too_large(self._max_body_bytes)
        self._attempt.give_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._attempt.transports.remove(self.transport)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:
        """Not done: Twisted reads a body after the request was written, and an early answer may be there to stop it."""
