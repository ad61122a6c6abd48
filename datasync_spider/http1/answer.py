"""One answer, out of the bytes of a connection. Pure: no socket, no clock.

Its states, and what the end of the connection means in each:

nothing came      the connection was lost, perhaps long ago; the request may not have been read
head, body begun  the answer is cut, unless it is one that only the end of the connection ends
complete          nothing: what follows belongs to nobody

Invariant: an answer is complete only where its framing says so, and its body is never larger than allowed.
"""

from __future__ import annotations

from collections.abc import Callable

import httptools

from datasync_spider.http1.coding import decoded
from datasync_spider.http1.errors import (
    BodyCut,
    BodyTooLarge,
    ConnectionLost,
    HttpError,
    NotHttp,
    OtherProtocol,
)
from datasync_spider.http1.request import Header

_FIRST_FINAL_STATUS = 200
_MAX_HEAD_BYTES = 256 * 1024
_BEGINNING = b"HTTP/"
_SHOWN_BYTES = 60


class AnswerReader:
    """``on_head`` is called as soon as status and headers of the final answer are there.

    ``is_head_alone``: the answer ends with them, as that to a CONNECT does.
    """

    def __init__(
        self,
        max_body_bytes: int,
        on_head: Callable[[AnswerReader], None] | None = None,
        *,
        is_head_alone: bool = False,
    ) -> None:
        self.status = 0
        self.headers: list[Header] = []
        """As they came, in their order; names keep their case."""
        self.content_length: int | None = None
        self.has_head = False
        self.is_complete = False
        self.may_keep = False
        """Whether the connection can carry another request, once the answer is complete."""
        self._max_body_bytes = max_body_bytes
        self._on_head = on_head
        self._is_head_alone = is_head_alone
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._first = b""
        self._body_bytes = 0
        self._coding = b""
        self._is_chunked = False
        self._error: HttpError | None = None
        parser = httptools.HttpResponseParser(self)
        # Servers exist that end lines with a bare LF; the framing of a body is as strict as ever.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self._parser: httptools.HttpResponseParser | None = parser

    def feed(self, data: bytes) -> None:
        """Takes in what came. Raises NotHttp or BodyTooLarge; what comes behind the end is left alone."""
        if self._parser is None:
            return
        if not self.has_head:
            self._head_bytes += len(data)
            if len(self._first) < _SHOWN_BYTES:
                self._first += data[:_SHOWN_BYTES]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._error is not None:
                raise self._error from None
            if not self.is_complete:
                raise self._not_http(error) from error
            self.may_keep = False
        except httptools.HttpParserUpgrade as error:
            raise NotHttp("the server wants to speak another protocol") from error
        if self.is_complete:
            self._let_go()
        if not self.has_head and self._head_bytes > _MAX_HEAD_BYTES:
            raise NotHttp(f"the headers take more than {_MAX_HEAD_BYTES} bytes")

    def finish(self) -> None:
        """The connection has ended. Raises ConnectionLost or BodyCut unless the answer is complete now."""
        if self.is_complete:
            return
        if not self._head_bytes:
            raise ConnectionLost("the connection was closed before an answer came")
        if not self.has_head:
            raise BodyCut("the connection was closed in the middle of the headers")
        if self._is_chunked or self.content_length is not None:
            raise BodyCut(f"the connection was closed after {self._body_bytes} bytes of the body")
        self.is_complete = True
        self._let_go()

    def body(self) -> bytes:
        """The whole body of a complete answer, decompressed. Raises what :func:`decoded` does."""
        body = b"".join(self._chunks)
        self._chunks.clear()
        return decoded(body, self._coding.decode("latin-1"), self._max_body_bytes) if self._coding and body else body

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("what follows an answer was not asked for, and none of it is read")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))
        lower = name.lower()
        if lower == b"content-length":
            self.content_length = int(value)
        elif lower == b"content-encoding":
            self._coding = value if not self._coding else self._coding + b"," + value
        elif lower == b"transfer-encoding":
            self._is_chunked = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL_STATUS:
            return
        self.has_head = True
        if self._is_head_alone:
            self.is_complete = self.may_keep = True
            return
        if self.content_length is not None and self.content_length > self._max_body_bytes:
            self._refuse(f"a body of {self.content_length} bytes was announced")
        if self._on_head is not None:
            self._on_head(self)

    def on_body(self, data: bytes) -> None:
        if self._is_head_alone:
            return
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body_bytes:
            self._refuse("the body goes on and on")
        self._chunks.append(data)

    def on_message_complete(self) -> None:
        if self.status < _FIRST_FINAL_STATUS:
            # An interim answer, such as 103: the final one follows.
            self.headers, self.content_length, self._coding, self._is_chunked = [], None, b"", False
            return
        assert self._parser is not None
        self.is_complete = True
        self.may_keep = self._parser.should_keep_alive()

    def _not_http(self, error: httptools.HttpParserError) -> NotHttp:
        # Line ends before the first line are forgiven by the parser.
        first = self._first.lstrip(b"\r\n")
        if self.has_head or first.startswith(_BEGINNING) or _BEGINNING.startswith(first):
            return NotHttp(f"what came is not HTTP: {error}")
        return OtherProtocol(f"what came is not HTTP: it begins with {_shown(first)}")

    def _let_go(self) -> None:
        # Parser and reader hold each other, and would keep the answer in memory until the collector comes by.
        self._parser = self._on_head = None

    def _refuse(self, why: str) -> None:
        self._error = BodyTooLarge(f"{why}, {self._max_body_bytes} are allowed")
        raise self._error


def _shown(first: bytes) -> str:
    """The first line of what is no answer, made fit for a message."""
    return ascii(first[:_SHOWN_BYTES].partition(b"\n")[0].rstrip(b"\r").decode("latin-1"))
