"""A connection that carries one exchange after the other: a request out, its answer in.

Invariant: the bytes of one answer are never taken for another's. A connection whose exchange did not come to its clean
end, or that says anything unasked, carries no further one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from typing import cast

from datasync_spider.http1.answer import AnswerReader
from datasync_spider.http1.errors import (
    ConnectionLost,
    HttpError,
    NameNotFound,
    NotConnected,
    NotTls,
    NotTrusted,
    ProxyRefused,
    TlsFailed,
)
from datasync_spider.http1.request import Header, Origin, request_bytes

_OK = 200
# OpenSSL's words for an answer that is no TLS, and for a server that shares no version or cipher with it. A handshake
# that is merely cut off, as by a busy server, is none of these.
_NO_TLS_THERE = frozenset(
    {
        *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "BAD_RECORD_TYPE"),
        *("RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"),
        *("TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY"),
    }
)
_NEXT_ADDRESS_AFTER_SECONDS = 0.25  # RFC 8305, "Happy Eyeballs"


@dataclass(frozen=True, slots=True)
class Route:
    """To an origin, directly or through a proxy; ``proxy_headers`` are for the proxy's eyes alone."""

    origin: Origin
    proxy: Origin | None = None
    proxy_headers: tuple[Header, ...] = ()

    @property
    def is_tunnel(self) -> bool:
        return self.proxy is not None and self.origin.is_tls


class Connection(asyncio.Protocol):
    """Made by :func:`connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = None
        self._done: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether another exchange may begin."""
        return self._transport is not None and not self._transport.is_closing() and self._reader is None

    async def exchange(self, request: bytes, reader: AnswerReader) -> None:
        """Sends the request and returns when ``reader`` has the whole answer.

        Raises what :class:`AnswerReader` does. Cancelled, it closes the connection.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionLost("the connection is closed")
        self._reader = reader
        self._done = asyncio.get_running_loop().create_future()
        try:
            transport.write(request)
            await self._done
        except BaseException:
            self.close()
            raise
        finally:
            self._reader = self._done = None
        if not reader.may_keep:
            self.close()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """From here on all is encrypted, for this host's eyes."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._transport, self, context, server_hostname=host)

    def close(self) -> None:
        """At once: what is still to be sent or to come is of no use to anybody."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, done = self._reader, self._done
        if reader is None or done is None or done.done():
            self.close()
            return
        try:
            reader.feed(data)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            done.set_exception(error)
            return
        if reader.is_complete:
            done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reader, done = self._reader, self._done
        if reader is None or done is None or done.done():
            return
        try:
            reader.finish()
        except HttpError as error:
            error.__cause__ = exc
            done.set_exception(error)
        else:
            done.set_result(None)


async def connect(route: Route, tls: ssl.SSLContext | None) -> Connection:
    """A connection that leads to the origin, with TLS and a proxy's tunnel where they belong.

    ``tls`` is used where the origin or the proxy wants it.

    Raises NameNotFound, NotConnected, TlsFailed or ProxyRefused.
    """
    first = route.proxy or route.origin
    name = first.authority if route.proxy is None else f"the proxy {first.authority}"
    connection = await _connected(first, name, tls if first.is_tls else None)
    if route.is_tunnel:
        try:
            await _open_tunnel(connection, route)
            assert tls is not None
            await connection.start_tls(tls, route.origin.host)
        except OSError as error:
            connection.close()
            raise _not_connected(route.origin.authority, error) from error
        except BaseException:
            connection.close()
            raise
    return connection


async def _connected(origin: Origin, name: str, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            Connection,
            origin.host,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if tls else None,
            happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_SECONDS,
        )
    except socket.gaierror as error:
        raise NameNotFound(f"{name} has no address: {error.strerror}") from error
    except OSError as error:
        raise _not_connected(name, error) from error
    return connection


def _not_connected(name: str, error: OSError) -> NotConnected:
    if isinstance(error, ssl.SSLError):
        kind = NotTls if error.reason in _NO_TLS_THERE else TlsFailed
        # Its own text holds what was wrong with the certificate.
        return (NotTrusted if isinstance(error, ssl.SSLCertVerificationError) else kind)(f"no TLS with {name}: {error}")
    # asyncio puts other words in the place of the system's; of several addresses it gives no number, but all texts.
    reason = os.strerror(error.errno) if error.errno else str(error)
    return NotConnected(f"no connection to {name}: {reason}")


async def _open_tunnel(connection: Connection, route: Route) -> None:
    there = route.origin.authority
    reader = AnswerReader(0, is_head_alone=True)
    await connection.exchange(request_bytes("CONNECT", there, there, route.proxy_headers), reader)
    if not _OK <= reader.status < _OK + 100:
        raise ProxyRefused(f"the proxy answers {reader.status} instead of opening a tunnel to {there}")
