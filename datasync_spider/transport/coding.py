"""Content codings (RFC 9110, 8.4.1) taken off a body. Pure.

Invariant: what comes out is never larger than allowed, however small what came in, and a coded body that breaks off is
never taken for a shorter one.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from datasync_spider.transport.errors import BodyCut, BodyTooLarge, NotHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED = b"gzip, deflate"
"""What a request may announce, as the value of Accept-Encoding."""

_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS
_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_BEGINS = b"\x1f\x8b"
# Codings that exist (the registry of RFC 9110, 8.4.1, with its old names), none of which was asked for. Any other word
# is none, such as "none" or "UTF-8", and the body stands as it is.
_OTHERS = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "exi", "lzma", "pack200-gzip", "sdch", "x-compress", "xz", "zstd"}
)
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}


def decoded(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """The body without its codings, of which the last named was put on last.

    Raises BodyTooLarge beyond ``max_bytes``, BodyCut where it breaks off, NotHttp where it is not what it says it is.
    """
    for coding in reversed([name.strip().lower() for name in content_encoding.split(",")]):
        if coding in _GZIP:
            # Some name it for what was decompressed on the way.
            body = body if _begins_as_json(body) else b"".join(_members(body, max_bytes))
        elif coding == "deflate":
            # Zlib's format by the standard, the bare one of some servers; the first two bytes show which.
            is_zlib = len(body) >= 2 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
            body, _ = _inflated(body, _ZLIB_OR_GZIP if is_zlib else _RAW_DEFLATE, max_bytes)
        elif coding in _OTHERS:
            raise NotHttp(f"the body is coded as {coding[:40]!r}, which was not asked for")
    return body


def ends_by_itself(body: bytes) -> bool:
    """Whether a body that nothing else ends may be whole: what begins as JSON must end so.

    Whether it is JSON is for the caller to say.
    """
    text = body.strip()
    return not _begins_as_json(text) or text[-1] == _CLOSING[text[0]]


def _begins_as_json(body: bytes) -> bool:
    text = body.lstrip()
    return bool(text) and text[0] in _CLOSING


def _members(body: bytes, max_bytes: int) -> Iterator[bytes]:
    """A gzip file may be several behind each other; what follows and is none is no part of it."""
    left = max_bytes
    while True:
        member, body = _inflated(body, _ZLIB_OR_GZIP, left)
        yield member
        left -= len(member)
        if not body or not _GZIP_BEGINS.startswith(body[:2]):
            return


def _inflated(data: bytes, window_bits: int, max_bytes: int) -> tuple[bytes, bytes]:
    """The content, and what follows it."""
    inflater = zlib.decompressobj(window_bits)
    try:
        content = inflater.decompress(data, max_bytes + 1)
    except zlib.error as error:
        # What does not even begin as it should will not do so another time; what is damaged may.
        kind = NotHttp if "header" in str(error) else BodyCut
        raise kind(f"the compressed body cannot be read: {error}") from error
    if len(content) > max_bytes:
        raise BodyTooLarge(f"the body is larger once it is decompressed than the {max_bytes} bytes that are allowed")
    if not inflater.eof:
        raise BodyCut("the compressed body breaks off")
    return content, inflater.unused_data
