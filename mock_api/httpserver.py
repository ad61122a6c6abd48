"""The HTTP side on asyncio: requests become calls, replies become responses.

The invariant: what a client asks on one connection is answered one after the other, in the order in which it was asked,
and nothing further is begun for a client that does not read. Nothing here knows what an event is.
"""

import asyncio
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from time import monotonic, time
from typing import Protocol, cast
from urllib.parse import parse_qsl

from mock_api.calls import Call, Moment
from mock_api.delivery import Sending
from mock_api.httprequest import Request, RequestReader
from mock_api.replies import Reply
from mock_api.stats import Entry, Stats

# Longer than any rate window: a client that waits one out finds its connection still open.
_IDLE_S = 600
_RECEIVED_BYTES = 65_536
_MOST_WAITING = 32


class Router(Protocol):
    """From a call to its answer."""

    stats: Stats

    def answer(self, call: Call) -> tuple[Reply, Entry | None]:
        """The answer, and its entry in the statistics if it has one."""
        ...


class ApiServer:
    """Makes the connections of one router."""

    def __init__(self, router: Router, loop: AbstractEventLoop, idle_s: float = _IDLE_S) -> None:
        self.router = router
        self.loop = loop
        self.idle_s = idle_s
        self.received = memoryview(bytearray(_RECEIVED_BYTES))
        """Where bytes arrive. One is enough: none of them stay there when the event loop goes on to another."""
        self.connections: set[Connection] = set()

    def connection(self) -> "Connection":
        """A connection whose requests go to the router."""
        return Connection(self)

    def close(self) -> None:
        """End all connections at once."""
        for connection in self.connections:
            connection.abort()


class Connection(asyncio.BufferedProtocol):
    """One client, for as long as it stays."""

    _transport: Transport
    _idle: TimerHandle

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._reader = RequestReader()
        self._sending: Sending | None = None
        self._entry: Entry | None = None
        self._keeps_alive = True
        self._takes_turns = False
        self._is_full = False
        self._is_reading = True
        self._has_all = False
        self._active_s = 0.0

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    def _take_turns(self) -> None:
        """Answer what has come, as far as the client reads the answers."""
        if self._takes_turns:
            return
        self._takes_turns = True
        try:
            while self._sending is None and not self._is_full and not self._transport.is_closing():
                if not self._next_turn():
                    break
        finally:
            self._takes_turns = False
        self._read_on(len(self._reader.requests) <= _MOST_WAITING)

    def _go_on(self) -> None:
        """The client has read what was written."""
        if self._transport.is_closing():
            return
        if self._sending is not None:
            self._sending.resume()
        self._take_turns()

    def _next_turn(self) -> bool:
        """Whether there was anything to do."""
        reader = self._reader
        if reader.requests:
            self._answer(reader.requests.popleft())
            return True
        if reader.is_broken:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self._transport.close()
        elif self._has_all:
            self._transport.close()
        elif reader.awaits_go_ahead:
            reader.awaits_go_ahead = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def _answer(self, request: Request) -> None:
        reply, self._entry = self._server.router.answer(_call(request))
        request.upload.close()
        self._keeps_alive = request.keeps_alive
        self._sending = Sending(self._transport, self._server.loop, request, reply, self._sent)
        self._sending.start()

    def _sent(self) -> None:
        self._ended(delivered=True)
        if not self._keeps_alive:
            self._transport.close()
        self._take_turns()

    def _ended(self, *, delivered: bool) -> None:
        self._sending = None
        self._active_s = monotonic()
        if self._entry is not None:
            self._server.router.stats.finished(self._entry, now(), delivered=delivered)

    def _read_on(self, wanted: bool) -> None:
        if wanted is self._is_reading:
            return
        self._is_reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _watch_idle(self) -> None:
        """Close it when the client has neither asked nor read for long; a pause of the server's own does not count."""
        idle_s = monotonic() - self._active_s
        if self._sending is not None and not self._is_full:
            idle_s = 0.0
        if idle_s >= self._server.idle_s:
            self._transport.abort()
            return
        self._idle = self._server.loop.call_later(self._server.idle_s - idle_s, self._watch_idle)

    # What follows is called by the event loop.

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        # As soon as the system takes no more, so that little waits here for a client that reads slowly.
        self._transport.set_write_buffer_limits(high=0)
        self._server.connections.add(self)
        self._active_s = monotonic()
        self._watch_idle()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.received

    def buffer_updated(self, nbytes: int) -> None:
        self._active_s = monotonic()
        self._reader.feed(self._server.received[:nbytes])
        self._take_turns()

    def eof_received(self) -> bool:
        # Who has not read what is there for it may still do so. All others have left: no one waits for a late answer
        # with a connection that is half closed.
        self._has_all = True
        return self._is_full

    def pause_writing(self) -> None:
        self._is_full = True
        if self._sending is not None:
            self._sending.pause()

    def resume_writing(self) -> None:
        self._is_full = False
        self._active_s = monotonic()
        # Not from here: a transport that is closed while it says this says its end twice (CPython 3.11).
        self._server.loop.call_soon(self._go_on)

    def connection_lost(self, exc: Exception | None) -> None:
        self._idle.cancel()
        self._server.connections.discard(self)
        self._reader.close()
        if self._sending is not None:
            self._sending.lost()
            self._ended(delivered=False)


def _call(request: Request) -> Call:
    path, _, query = request.target.partition("?")
    return Call(
        method=request.method,
        path=path,
        moment=now(),
        params=_params(query),
        target=request.target,
        api_key=request.fields.get(b"x-api-key"),
        token=request.fields.get(b"x-drain-token"),
        user_agent=request.fields.get(b"user-agent"),
        host=request.fields.get(b"host"),
        fields=request.fields,
        upload=request.upload,
    )


def _params(query: str) -> dict[str, str]:
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # Most queries have nothing to be decoded, and are read three times faster without it.
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: value for name, _, value in pairs}


def now() -> Moment:
    """This instant."""
    return Moment(int(time() * 1_000), monotonic() * 1_000)
