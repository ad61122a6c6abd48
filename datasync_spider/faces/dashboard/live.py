"""Server-sent events: one connection a viewer, over which each message is the whole state.

Invariant: viewers are bounded in number, and what is buffered for one is one message. A viewer who reads slowly skips
messages and gets the newest one when there is room again. Twisted's requests carry no types, hence Any.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from datasync_spider.faces.dashboard.poller import Poller
from datasync_spider.faces.dashboard.replies import Refused

MOST_VIEWERS = 32
# How long a browser waits before it comes back after a lost connection.
_RETRY = b"retry: 2000\n\n"


class Live:
    """All viewers."""

    def __init__(self, poller: Poller, most_viewers: int = MOST_VIEWERS) -> None:
        self._poller = poller
        self._most_viewers = most_viewers
        self._viewers: set[Viewer] = set()

    def welcome(self, request: Any) -> int | bytes:
        """Turns the request into a stream of messages. Raises Refused where there are too many already."""
        if len(self._viewers) >= self._most_viewers:
            raise Refused(503, "Too many viewers at once; ask /api/state.json instead.", {"Retry-After": "10"})
        request.setHeader("Content-Type", "text/event-stream; charset=utf-8")
        request.setHeader("Cache-Control", "no-store")
        # A proxy in between that collects an answer before it passes it on would collect for ever.
        request.setHeader("X-Accel-Buffering", "no")
        if request.method == b"HEAD":
            return b""
        request.write(_RETRY)
        viewer = Viewer(request)
        self._viewers.add(viewer)
        leave = self._poller.listen(viewer.give)

        def left(_: object) -> None:
            self._viewers.discard(viewer)
            leave()

        request.notifyFinish().addBoth(left)
        return NOT_DONE_YET

    def close(self) -> None:
        """Says good-bye to all viewers."""
        for viewer in list(self._viewers):
            viewer.end()


@implementer(IPushProducer)
class Viewer:
    """One connection. The transport pauses and resumes it as the other side reads."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._paused = False
        self._missed: bytes | None = None
        self._ended = False
        request.registerProducer(self, streaming=True)

    def give(self, message: bytes) -> None:
        """Sends the message now, or when there is room, unless a newer one comes before that."""
        if self._paused:
            self._missed = message
        elif not self._ended:
            # JSON holds no line break, so the message is one line of data.
            self._request.write(b"data: " + message + b"\n\n")

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802
        self._paused = False
        missed, self._missed = self._missed, None
        if missed is not None:
            self.give(missed)

    def stopProducing(self) -> None:  # noqa: N802
        self._ended = True

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._request.unregisterProducer()
            self._request.finish()
