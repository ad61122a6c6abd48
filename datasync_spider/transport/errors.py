"""What may become of a request instead of an answer; each means another thing to the caller.

NameNotFound      the host has no address; nothing was sent
NotConnected      no connection came about; nothing was sent
TlsFailed         one did, but no TLS over it; nothing was sent
NotTrusted        the same, since the server's certificate was refused: no one vouches for it, or not for this host
NotTls            the same, since what answers speaks no TLS, or none that is understood here
ProxyRefused      the proxy opens no tunnel
ConnectionLost    the connection ended before an answer began
BodyCut           the answer began and did not come to its end
BodyTooLarge      more bytes than the caller takes
NotHttp           what came cannot be understood; the text shows it
OtherProtocol     the same, since it does not even begin as an answer of HTTP does
"""

from __future__ import annotations

import ssl


class HttpError(Exception):
    """Base of all of these; the text is for people and holds no header of the request."""


class NameNotFound(HttpError):
    """See the module's text."""


class NotConnected(HttpError):
    """See the module's text."""


class TlsFailed(NotConnected):
    """See the module's text."""


class NotTrusted(TlsFailed):
    """See the module's text. ``refusal`` is what a second look at the certificate gave, where one was possible."""

    def __init__(self, text: str, refusal: ssl.SSLCertVerificationError | None = None) -> None:
        super().__init__(text)
        self.refusal = refusal


class NotTls(TlsFailed):
    """See the module's text."""


class ProxyRefused(HttpError):
    """See the module's text."""


class ConnectionLost(HttpError):
    """See the module's text."""


class BodyCut(HttpError):
    """See the module's text."""


class HeadCut(BodyCut):
    """It ended in the middle of its headers, or what came has no lines at all."""


class BodyTooLarge(HttpError):
    """See the module's text."""


class NotHttp(HttpError):
    """See the module's text."""


class OtherProtocol(NotHttp):
    """See the module's text."""
