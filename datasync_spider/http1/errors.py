"""What may become of a request instead of an answer; each means another thing to whoever asks.

NameNotFound      the host has no address; nothing was sent
NotConnected      no connection came about; nothing was sent
TlsFailed         one did, but no TLS over it, such as where nobody vouches for the certificate; nothing was sent
ProxyRefused      the proxy opens no tunnel
ConnectionLost    the connection ended before an answer began
BodyCut           the answer began and did not come to its end
BodyTooLarge      more bytes than the caller takes
NotHttp           what came cannot be understood
"""

from __future__ import annotations


class HttpError(Exception):
    """Base of all of these; the text is for people and holds no header of the request."""


class NameNotFound(HttpError):
    """See the module's text."""


class NotConnected(HttpError):
    """See the module's text."""


class TlsFailed(NotConnected):
    """See the module's text."""


class ProxyRefused(HttpError):
    """See the module's text."""


class ConnectionLost(HttpError):
    """See the module's text."""


class BodyCut(HttpError):
    """See the module's text."""


class BodyTooLarge(HttpError):
    """See the module's text."""


class NotHttp(HttpError):
    """See the module's text."""
