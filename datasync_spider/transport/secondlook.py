"""A second look at a server whose answer says too little of what is wrong with it.

Scrapy's client keeps neither why a certificate was refused nor the bytes of what has no lines. Invariant: no key and
no path of a request is sent here, and what cannot be seen in time is not waited for.
"""

from __future__ import annotations

import asyncio
import ssl

from datasync_spider.config.trust import tls_context
from datasync_spider.transport.errors import HttpError
from datasync_spider.transport.places import Place
from datasync_spider.transport.trouble import no_http

_SECONDS = 2.0
_ENOUGH_BYTES = 4096


async def why_refused(place: Place) -> ssl.SSLCertVerificationError | None:
    """What is wrong with the certificate; None where that does not show."""
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(
                place.host, place.port, ssl=tls_context(), server_hostname=place.host
            )
            writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        return error
    except (OSError, TimeoutError):
        pass
    return None


async def other_protocol(place: Place) -> HttpError | None:
    """The error that shows how an answer begins; None where it begins as HTTP does, or does not come."""
    came = b""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(
                place.host, place.port, ssl=tls_context() if place.is_tls else None
            )
            try:
                writer.write(f"HEAD / HTTP/1.1\r\nHost: {place.authority}\r\nConnection: close\r\n\r\n".encode("ascii"))
                while len(came) < _ENOUGH_BYTES and (piece := await reader.read(_ENOUGH_BYTES)):
                    came += piece
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        pass
    return no_http(came)
