"""Writes an answer to its connection: whole, or broken in the way that the answer asks for.

The invariant: in the end the answer is out or its connection is closed, unless the answer wants it to hang; of what the
client has not read yet, no more than a piece is copied; when a client leaves early, nothing is left behind. What is
answered was decided before.
"""

import socket
import struct
from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus

from mock_api.httprequest import Request
from mock_api.replies import Delivery, Reply

# Long enough for the first part to reach the peer before the reset overtakes it.
_BEFORE_RESET_S = 0.05
# A piece costs a system call, and what the system does not take of it a copy.
_PIECE_BYTES = 262_144
_STATUS_LINES = {status.value: f"{status.value} {status.phrase}\r\n" for status in HTTPStatus}
_LINGER_NOT = struct.pack("ii", 1, 0)


class Sending:
    """One answer on its way. Its owner passes on what the transport says: `pause`, `resume` and `lost`."""

    def __init__(
        self, transport: Transport, loop: AbstractEventLoop, request: Request, reply: Reply, sent: Callable[[], object]
    ) -> None:
        """`sent` is called once the whole answer is in the transport's hands."""
        self._transport = transport
        self._loop = loop
        self._request = request
        self._reply = reply
        self._sent = sent
        self._pending: TimerHandle | None = None
        self._is_paused = False
        self._left = memoryview(b"")
        self._then = sent

    def start(self) -> None:
        """Send the answer when its delay is over."""
        if self._reply.delay_ms:
            self._later(self._reply.delay_ms / 1_000, self._send)
        else:
            self._send()

    def pause(self) -> None:
        """The client is behind."""
        self._is_paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._is_paused = False
        if self._left:
            self._flow()

    def lost(self) -> None:
        """The connection is gone."""
        if self._pending is not None:
            self._pending.cancel()

    def _send(self) -> None:
        reply = self._reply
        if reply.delivery is Delivery.RESET:
            self._reset()
            return
        head = _head(self._request, reply)
        body = b"" if self._request.method == "HEAD" else reply.body
        first = body if reply.share == 1 else body[: int(len(body) * reply.share)]
        match reply.delivery:
            case Delivery.WHOLE:
                self._write(head, body, self._sent)
            case Delivery.TRUNCATED:
                self._write(head, first, self._transport.close)
            case Delivery.STALLED:
                self._write(head, first, lambda: None)
            case Delivery.RESET_BODY:
                self._write(head, first, lambda: self._later(_BEFORE_RESET_S, self._reset))
            case Delivery.DRIP:
                self._drip(head, body)

    def _drip(self, head: bytes, body: bytes) -> None:
        reply = self._reply
        left = body[reply.drip_bytes :]

        def wait() -> None:
            self._later(reply.drip_interval_ms / 1_000, lambda: self._drip(b"", left))

        self._write(head, body[: reply.drip_bytes], wait if left else self._sent)

    def _write(self, head: bytes, body: bytes, then: Callable[[], object]) -> None:
        """Write both, and do `then` when all of it is in the transport's hands."""
        # Together, for two small packets would wake the client twice.
        self._transport.write(head + body[:_PIECE_BYTES])
        if len(body) > _PIECE_BYTES:
            self._left, self._then = memoryview(body)[_PIECE_BYTES:], then
            self._flow()
        else:
            then()

    def _flow(self) -> None:
        while self._left and not self._is_paused and not self._transport.is_closing():
            piece, self._left = self._left[:_PIECE_BYTES], self._left[_PIECE_BYTES:]
            self._transport.write(piece)
        if not self._left:
            self._then()

    def _reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def _later(self, delay_s: float, action: Callable[[], object]) -> None:
        self._pending = self._loop.call_later(delay_s, action)


def _head(request: Request, reply: Reply) -> bytes:
    lines = [
        f"HTTP/{request.version} {_STATUS_LINES[reply.status]}",
        f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n",
    ]
    # Without the field, HTTP/1.0 means the same.
    if not request.keeps_alive and request.version == "1.1":
        lines.append("Connection: close\r\n")
    # A value may come from outside, such as the place that a redirect names; it must not become two lines.
    lines += [f"{name}: {' '.join(value.split())}\r\n" for name, value in reply.headers]
    lines.append("\r\n")
    return "".join(lines).encode()
