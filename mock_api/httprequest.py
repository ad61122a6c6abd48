"""Requests, out of the bytes of a connection. Pure but for the body, which goes where `Upload` keeps it.

llhttp, through httptools, knows the grammar. The invariant: requests come out whole and in the order in which they were
sent, and after the first thing that is not HTTP nothing more comes out. What is waited for has a bounded size.
"""

from collections import deque
from dataclasses import dataclass

import httptools

from mock_api.upload import Upload

MAX_HEAD_BYTES = 16_384
_VERSIONS = ("1.0", "1.1")


@dataclass(slots=True)
class Request:
    """One request, whole."""

    method: str
    target: str
    version: str
    fields: dict[bytes, str]
    """By name in small letters, the last of equal names. Every byte is some character of Latin-1."""
    upload: Upload
    keeps_alive: bool
    """Whether another request may follow on the connection."""


class _RefusedError(Exception):
    """Good HTTP, but not for this server."""


class RequestReader:
    """Takes bytes in, hands requests out."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        """Those that no one has taken yet."""
        self.is_broken = False
        """Whether something came that is not HTTP; it came after all of `requests`."""
        self.awaits_go_ahead = False
        """Whether the client waits to hear that it may send the body."""
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False
        self._head_bytes = 0
        self._target = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, str] = {}
        self._upload = Upload()

    def feed(self, data: bytes | memoryview) -> None:
        """Take in what came."""
        if self._in_head:
            self._head_bytes += len(data)
        while not self.is_broken:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + bytes(data[upgrade.args[0] :])
                self._parser = httptools.HttpRequestParser(self)
                continue
            except httptools.HttpParserCallbackError as error:
                if not isinstance(error.__context__, _RefusedError):
                    raise
                self.is_broken = True
            except httptools.HttpParserError:
                self.is_broken = True
            break
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self.is_broken = True

    def close(self) -> None:
        """Let go of the bodies that no one has taken."""
        for upload in [self._upload, *(request.upload for request in self.requests)]:
            upload.close()

    def _without_upgrade(self) -> bytes:
        """The head of a request that asks for another protocol, without that wish.

        The parser would leave out the body, and nothing else is spoken here: it is read again as an ordinary request.
        After a CONNECT, whatever its fields say, comes no body.
        """
        if self._is_connect():
            return b""
        lines = [b"%b: %b" % line for line in self._lines if line[0].lower() != b"upgrade"]
        first = b"%b %b HTTP/%b" % (self._parser.get_method(), self._target, self._parser.get_http_version().encode())
        return b"\r\n".join([first, *lines, b"", b""])

    def _is_connect(self) -> bool:
        return self._parser.get_method() == b"CONNECT"

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._target = b""
        self._lines = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._parser.get_http_version() not in _VERSIONS:
            raise _RefusedError
        if len(self._target) + sum(len(name) + len(value) for name, value in self._lines) > MAX_HEAD_BYTES:
            raise _RefusedError
        self._fields = {name.lower(): value.decode("latin-1") for name, value in self._lines}
        self._upload = Upload(is_json="json" in self._fields.get(b"content-type", ""))
        self.awaits_go_ahead = (
            self._fields.get(b"expect", "").lower() == "100-continue" and self._parser.get_http_version() == "1.1"
        )

    def on_body(self, data: bytes) -> None:
        self.awaits_go_ahead = False
        self._upload.write(data)

    def on_message_complete(self) -> None:
        self.awaits_go_ahead = False
        if self._parser.should_upgrade() and not self._is_connect():
            return
        version = self._parser.get_http_version()
        self.requests.append(
            Request(
                method=self._parser.get_method().decode("latin-1"),
                target=self._target.decode("latin-1"),
                version=version,
                fields=self._fields,
                upload=self._upload,
                # HTTP/1.0 had no agreement on how to keep a connection.
                keeps_alive=version == "1.1" and self._parser.should_keep_alive(),
            )
        )
