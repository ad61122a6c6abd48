"""A proxy's tunnel as an endpoint of Twisted's: whoever connects through it speaks with the origin.

Invariant: what is for the proxy's eyes goes to the proxy alone, and nothing of the request leaves before the tunnel is
open.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from datasync_spider.transport.errors import ProxyRefused
from datasync_spider.transport.places import Place

_MOST_HEAD_BYTES = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
_END = b"\r\n\r\n"


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """``proxy`` connects to the proxy; ``authorization`` is the value of Proxy-Authorization."""

    def __init__(self, proxy: Any, there: Place, authorization: str | None) -> None:
        lines = [f"CONNECT {there.authority} HTTP/1.1", f"Host: {there.authority}"]
        if authorization is not None:
            lines.append(f"Proxy-Authorization: {authorization}")
        self._proxy = proxy
        self._request = "\r\n".join(lines).encode("latin-1") + _END
        self._there = there

    def connect(self, factory: Any) -> Deferred[Any]:
        connected: Deferred[Any] = self._proxy.connect(_TunnelFactory(self._request, self._there, factory))
        return connected.addCallback(lambda tunnel: tunnel.opened)


class _Tunnel(Protocol):
    """Speaks with the proxy until that has answered; from then on it hands everything through."""

    def __init__(self, request: bytes, there: Place, factory: Any, address: IAddress | None) -> None:
        self.opened: Deferred[Any] = Deferred(lambda _: self._abort())
        self._request = request
        self._there = there
        self._factory = factory
        self._address = address
        self._head = b""
        self._inner: Any = None

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(transport)  # type: ignore[no-untyped-call]
        transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(_END)
        if end:
            self._answered(head, rest)
        elif len(self._head) > _MOST_HEAD_BYTES:
            self._refuse("answers without an end")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inner is not None:
            self._inner.connectionLost(reason)
        else:
            self._refuse("closes the connection")

    def _answered(self, head: bytes, rest: bytes) -> None:
        status = _STATUS.match(head)
        if status is None or not status[1].startswith(b"2"):
            self._refuse(f"answers {status[1].decode() if status else ascii(head[:60].decode('latin-1'))}")
            return
        self._inner = self._factory.buildProtocol(self._address)
        self._inner.makeConnection(self.transport)
        self.opened.callback(self._inner)
        if rest:
            self._inner.dataReceived(rest)

    def _refuse(self, what: str) -> None:
        if not self.opened.called:
            self.opened.errback(
                ProxyRefused(f"the proxy {what} instead of opening a tunnel to {self._there.authority}")
            )
        self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


class _TunnelFactory(Factory[_Tunnel]):
    noisy = False

    def __init__(self, request: bytes, there: Place, factory: Any) -> None:
        self._request = request
        self._there = there
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:
        return _Tunnel(self._request, self._there, self._factory, addr)
