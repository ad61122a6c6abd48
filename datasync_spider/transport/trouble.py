"""What Scrapy's client, Twisted's and OpenSSL raise, as one of our own errors. Pure.

They nest: a failed request holds failures, and those hold the reason. Invariant: whatever they raise has its place
here, and a text shows what came from the server, never what was sent to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from OpenSSL import SSL
from scrapy.core.downloader.handlers.http11 import TunnelError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from service_identity import VerificationError
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as TooLate
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived

from datasync_spider.transport.errors import (
    BodyCut,
    BodyTooLarge,
    ConnectionLost,
    HeadCut,
    HttpError,
    NameNotFound,
    NotConnected,
    NotHttp,
    NotTls,
    NotTrusted,
    OtherProtocol,
    ProxyRefused,
    TlsFailed,
)

# OpenSSL's words for an answer that is no TLS, and for a server that shares no version or cipher with it. A handshake
# that is merely cut off, as by a busy server, is none of these.
_NO_TLS_THERE = frozenset(
    {
        *("wrong version number", "http request", "https proxy request", "unknown protocol", "bad record type"),
        *("record layer failure", "packet length too long", "unsupported protocol", "no protocols available"),
        *("tlsv1 alert protocol version", "sslv3 alert handshake failure", "ssl/tls alert handshake failure"),
        *("tlsv1 alert insufficient security",),
    }
)
_NOT_VERIFIED = "certificate verify failed"
_BEGINNING = b"HTTP/"
_SHOWN_BYTES = 60


def trouble(error: BaseException, first: str, max_body_bytes: int) -> HttpError | None:
    """``first``: whom the connection is made to. None: it is nothing of the network's."""
    match error:
        case HttpError():
            return error
        case CannotResolveHostError() | DNSLookupError():
            return NameNotFound(f"{first} has no address: {_words(error)}")
        case DownloadConnectionRefusedError() | DownloadTimeoutError() | ConnectError():
            return NotConnected(f"no connection to {first}: {_words(_inner(error))}")
        case ConnectionClosed():
            return ConnectionLost(f"the connection to {first} was closed before an answer came")
        case TunnelError():
            return ProxyRefused(f"no tunnel through {first}: {error}")
        case DownloadCancelledError():
            return BodyTooLarge(f"the body is larger than the {max_body_bytes} bytes that are allowed")
        case ResponseDataLossError():
            return _in_the_body(_leaves(error))
        case DownloadFailedError() | ResponseFailed() | RequestTransmissionFailed():
            cause = _inner(error)
            is_silent = isinstance(cause, ResponseNeverReceived | RequestTransmissionFailed)
            return _before_the_body(_leaves(cause), first, is_silent=is_silent)
    return None


def no_http(first_bytes: bytes) -> OtherProtocol | None:
    """For the first bytes of an answer; None where it begins as HTTP does, or may."""
    # Line ends before the first line are forgiven by many.
    start = first_bytes.lstrip(b"\r\n")
    if not start or start.startswith(_BEGINNING) or _BEGINNING.startswith(start):
        return None
    return OtherProtocol(f"what came is not HTTP: it begins with {shown(start)}")


def shown(line: bytes | None) -> str:
    """A line of what came, made fit for a message."""
    return ascii((line or b"")[:_SHOWN_BYTES].partition(b"\n")[0].rstrip(b"\r").decode("latin-1"))


def _in_the_body(leaves: list[BaseException]) -> HttpError:
    # The first is why the connection was ended, the other what that means for the body.
    if not isinstance(leaves[0], ConnectionClosed | SSL.Error):
        return _unreadable(leaves[0])
    return BodyCut("the connection was closed before the end of the body")


def _before_the_body(leaves: list[BaseException], first: str, *, is_silent: bool) -> HttpError:
    for leaf in leaves:
        if isinstance(leaf, VerificationError):
            return NotTrusted(f"no TLS with {first}: {_NOT_VERIFIED}: it is another host's certificate")
        if isinstance(leaf, SSL.Error):
            return _no_tls(leaf, first, is_silent=is_silent)
    if is_silent:
        return ConnectionLost("the connection was closed before an answer came")
    unread = next((leaf for leaf in leaves if not isinstance(leaf, ConnectionClosed | SSL.Error)), None)
    if unread is not None:
        return _unreadable(unread)
    return HeadCut("the connection was closed in the middle of the headers, or a line of them is longer than 16 kB")


def _no_tls(error: SSL.Error, first: str, *, is_silent: bool) -> HttpError:
    reasons = [entry[2] for entry in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    text = f"no TLS with {first}: {', '.join(reasons) or 'the handshake was cut off'}"
    if _NOT_VERIFIED in reasons:
        return NotTrusted(text)
    if _NO_TLS_THERE.intersection(reasons):
        return NotTls(text)
    return TlsFailed(text) if is_silent else ConnectionLost(text)


def _unreadable(error: BaseException) -> NotHttp:
    """``error`` is the parser's: it may hold the line, and where it does not, what it was raised for does."""
    line = getattr(error, "data", None)
    if isinstance(line, bytes):
        if not line.startswith(_BEGINNING):
            return no_http(line) or NotHttp("what came is not HTTP: an empty first line")
        return NotHttp(f"what came is not HTTP: its first line is {shown(line)}")
    if isinstance(error, KeyError):
        return NotHttp(f"what came is not HTTP: Transfer-Encoding is {shown(_bytes(error))}, which is not known")
    if isinstance(error, ValueError) and _bytes(error) is not None:
        return NotHttp(f"what came is not HTTP: a header's name is {shown(_bytes(error))}")
    cause = error.__context__
    held = "" if cause is None or _bytes(cause) is None else f" It is {shown(_bytes(cause))}."
    return NotHttp(f"what came is not HTTP: {str(error)[:200] or type(error).__name__}{held}")


def _bytes(error: BaseException) -> bytes | None:
    """What it holds of what came."""
    held = error.args[0] if error.args else None
    return bytes(held) if isinstance(held, bytes | bytearray) else None


def _inner(error: BaseException) -> BaseException:
    return error.__cause__ or error


def _leaves(error: BaseException | None) -> list[BaseException]:
    return list(_walk(error))


def _walk(error: BaseException | None) -> Iterator[BaseException]:
    if error is None:
        return
    reasons = getattr(error, "reasons", None)
    if isinstance(reasons, list):
        for reason in reasons:
            yield from _walk(reason.value if isinstance(reason, Failure) else reason)
    elif error.__cause__ is not None:
        yield from _walk(error.__cause__)
    else:
        yield error


def _words(error: BaseException) -> str:
    number = getattr(error, "osError", None)
    if isinstance(number, int):
        return os.strerror(number)
    if isinstance(error, TooLate):
        return "it was not made in time"
    if isinstance(error, ConnectBindError):
        return f"the local address cannot be used: {error}"
    return str(error) or type(error).__name__
