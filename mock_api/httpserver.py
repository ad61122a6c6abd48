"""The HTTP side on Twisted: requests become calls, replies become responses.

Keep-alive and TCP_NODELAY are Twisted's own behaviour. Nothing here knows what an event is.
"""

from functools import partial
from time import monotonic, time
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.http import HTTPChannel, HTTPFactory, Request

from mock_api.calls import Call, Moment
from mock_api.delivery import Sending
from mock_api.router import Router
from mock_api.upload import Upload

# Longer than any rate window: a client that waits one out finds its connection still open.
_IDLE_S = 600


class ApiRequest(Request):
    """A request that takes its body in as it arrives and is answered by the router."""

    def __init__(self, router: Router, clock: IReactorTime, channel: HTTPChannel, queued: object = False) -> None:
        # Forms are not parsed: a body that claims to be one would be read whole.
        super().__init__(channel, queued, parsePOSTFormSubmission=False)
        self._router = router
        self._clock = clock

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - overrides
        """Choose how the body is taken in: its headers have arrived."""
        del length
        self.content = self._upload = Upload(is_json="json" in (self._header(b"Content-Type") or ""))

    def process(self) -> None:
        """Answer the request."""
        reply, entry = self._router.answer(self._call())
        if entry is not None:

            def finished(outcome: Any) -> Any:
                self._router.stats.finished(entry, now(), delivered=outcome is None)
                return outcome

            self.notifyFinish().addBoth(finished).addErrback(lambda _left: None)
        Sending(self, reply, self._clock).start()

    def _header(self, name: bytes) -> str | None:
        value = self.getHeader(name)
        # Every byte is some character of Latin-1, so no field can make this fail.
        return None if value is None else value.decode("latin-1")

    def _call(self) -> Call:
        target = self.uri.decode("latin-1")
        path, _, query = target.partition("?")
        return Call(
            method=self.method.decode("latin-1"),
            path=path,
            moment=now(),
            params=dict(parse_qsl(query, keep_blank_values=True)),
            target=target,
            api_key=self._header(b"X-API-Key"),
            user_agent=self._header(b"User-Agent"),
            upload=self._upload,
        )


class ApiFactory(HTTPFactory):
    """Makes the channels of one router."""

    def __init__(self, router: Router, clock: IReactorTime) -> None:
        super().__init__(timeout=_IDLE_S, reactor=clock)
        self._request_factory = partial(ApiRequest, router, clock)

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802 - overrides
        """A channel whose requests go to the router."""
        channel: Any = super().buildProtocol(addr)
        channel.requestFactory = self._request_factory
        return channel

    def log(self, request: Request) -> None:
        """No access log: the statistics have what is worth knowing, and formatting a line costs as much as a page."""
        del request


def now() -> Moment:
    """This instant."""
    return Moment(int(time() * 1_000), monotonic() * 1_000)
