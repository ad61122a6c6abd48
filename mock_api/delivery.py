"""Writes an answer to its connection: whole, or broken in the way that the answer asks for.

The invariant: in the end the request is finished or its connection is closed, unless the answer wants it to hang; when
a client leaves early, nothing is left behind. What is answered was decided before.
"""

from collections.abc import Callable
from typing import Any

from mock_api.replies import Delivery, Reply

# Long enough for the first part to reach the peer before the reset overtakes it.
_BEFORE_RESET_S = 0.05


class Sending:
    """One answer on its way."""

    # Request and clock are Twisted's, whose methods carry no types that a checker could use.
    def __init__(self, request: Any, reply: Reply, clock: Any) -> None:
        self._request = request
        self._reply = reply
        self._clock = clock
        self._pending: Any = None
        request.notifyFinish().addErrback(self._connection_lost)

    def start(self) -> None:
        """Send the answer when its delay is over."""
        if self._reply.delay_ms:
            self._later(self._reply.delay_ms / 1_000, self._send)
        else:
            self._send()

    def _send(self) -> None:
        request, reply = self._request, self._reply
        if reply.delivery is Delivery.RESET:
            request.transport.abortConnection()
            return
        self._write_fields()
        first = reply.body[: int(len(reply.body) * reply.share)]
        match reply.delivery:
            case Delivery.WHOLE:
                request.write(reply.body)
                request.finish()
            case Delivery.TRUNCATED:
                request.write(first)
                request.channel.loseConnection()
            case Delivery.STALLED:
                request.write(first)
            case Delivery.RESET_BODY:
                request.write(first)
                self._later(_BEFORE_RESET_S, request.transport.abortConnection)
            case Delivery.DRIP:
                self._drip(0)

    def _write_fields(self) -> None:
        request, reply = self._request, self._reply
        request.setResponseCode(reply.status)
        request.setHeader("Content-Type", reply.content_type)
        request.setHeader("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            request.setHeader(name, value)

    def _drip(self, sent: int) -> None:
        reply = self._reply
        stop = sent + reply.drip_bytes
        self._request.write(reply.body[sent:stop])
        if stop >= len(reply.body):
            self._request.finish()
        else:
            self._later(reply.drip_interval_ms / 1_000, lambda: self._drip(stop))

    def _later(self, delay_s: float, action: Callable[[], object]) -> None:
        self._pending = self._clock.callLater(delay_s, action)

    def _connection_lost(self, _reason: object) -> None:
        if self._pending is not None and self._pending.active():
            self._pending.cancel()
