"""Content codings (RFC 9110, 8.4.1) taken off a body. Pure.

Invariant: what comes out is never larger than allowed, however small what came in, and a coded body that breaks off is
never taken for a shorter one.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from datasync_spider.http1.errors import BodyCut, BodyTooLarge, NotHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED = b"gzip, deflate"
"""What a request may announce, as the value of Accept-Encoding."""

_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS
_GZIP = frozenset({"gzip", "x-gzip"})


def decoded(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """The body without its codings, of which the last named was put on last.

    Raises BodyTooLarge beyond ``max_bytes``, BodyCut where it breaks off, NotHttp where it is not what it says it is.
    """
    for coding in reversed([name.strip().lower() for name in content_encoding.split(",")]):
        if coding in _GZIP:
            body = b"".join(_members(body, max_bytes))
        elif coding == "deflate":
            # Zlib's format by the standard, the bare one of some servers; the first two bytes tell.
            is_zlib = len(body) >= 2 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
            body, _ = _inflated(body, _ZLIB_OR_GZIP if is_zlib else _RAW_DEFLATE, max_bytes)
        elif coding not in ("", "identity"):
            raise NotHttp(f"the body is coded as {coding[:40]!r}, which was not asked for")
    return body


def _members(body: bytes, max_bytes: int) -> Iterator[bytes]:
    """A gzip file may be several behind each other; zeros may follow."""
    left = max_bytes
    while True:
        member, body = _inflated(body, _ZLIB_OR_GZIP, left)
        yield member
        left -= len(member)
        if not body.strip(b"\0"):
            return


def _inflated(data: bytes, window_bits: int, max_bytes: int) -> tuple[bytes, bytes]:
    """The content, and what follows it."""
    inflater = zlib.decompressobj(window_bits)
    try:
        content = inflater.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise NotHttp(f"the compressed body cannot be read: {error}") from error
    if len(content) > max_bytes:
        raise BodyTooLarge(f"the body is larger once it is decompressed than the {max_bytes} bytes that are allowed")
    if not inflater.eof:
        raise BodyCut("the compressed body breaks off")
    return content, inflater.unused_data
