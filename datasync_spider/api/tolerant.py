"""Splits a body into its members and events by strings and brackets alone, where a JSON parser has given up on it.

A parser refuses a whole body for one lone surrogate escape or one event nested too deep. This scanner looks at structure only,
without recursion, and leaves what is between the brackets as it came, to be judged event by event. Invariant: a body that
does not close is never split; what cannot be told apart is PageUnreadable.
"""

from __future__ import annotations

import re

from datasync_spider.errors import PageUnreadable

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\],:]', re.DOTALL)
_OPENING = b"{["
_CLOSING = {b"}": b"{", b"]": b"["}
_SPACE = b" \t\r\n"


def split_body(body: bytes, why: str) -> dict[str, bytes | list[bytes]]:
    """The members of the top-level object by name: arrays under ``data`` and ``events`` as lists of raw elements, all others
    as raw bytes. ``why`` is what the parser said. Raises PageUnreadable.
    """
    body = body.strip(_SPACE)
    if not body.startswith(b"{"):
        raise PageUnreadable("not_an_object" if body[:1] in b'["tfn-0123456789' else "not_json", why)
    members: dict[str, bytes | list[bytes]] = {}
    for part in _split(body, why):
        name, raw = _member(part, why)
        if name in {"data", "events"} and raw.startswith(b"["):
            members[name] = _split(raw, why)
        else:
            members[name] = raw
    return members


def _member(part: bytes, why: str) -> tuple[str, bytes]:
    match = _TOKEN.match(part)
    if match is None or len(match[0]) < 2:
        raise PageUnreadable("not_json", why)
    rest = part[match.end() :].lstrip(_SPACE)
    value = rest[1:].strip(_SPACE)
    if not rest.startswith(b":") or not value:
        raise PageUnreadable("not_json", why)
    return match[0][1:-1].decode("utf-8", "replace"), value


def _split(whole: bytes, why: str) -> list[bytes]:
    """The elements between the outermost brackets, which must be the first and the last byte."""
    parts: list[bytes] = []
    open_brackets: list[bytes] = []
    start = 1
    end: int | None = None
    for match in _TOKEN.finditer(whole):
        token = match[0]
        if end is not None:
            raise PageUnreadable("not_json", why)
        if token == b'"':
            # A quote that matched no whole string is never closed.
            raise PageUnreadable("truncated_json", why)
        if token in _OPENING:
            open_brackets.append(token)
        elif token in _CLOSING:
            if not open_brackets or open_brackets.pop() != _CLOSING[token]:
                raise PageUnreadable("not_json", why)
            if not open_brackets:
                end = match.start()
        elif token == b"," and len(open_brackets) == 1:
            parts.append(whole[start : match.start()].strip(_SPACE))
            start = match.end()
    if end is None:
        raise PageUnreadable("truncated_json", why)
    if whole[end + 1 :].strip(_SPACE):
        raise PageUnreadable("not_json", why)
    last = whole[start:end].strip(_SPACE)
    if last or parts:
        parts.append(last)
    if any(not part for part in parts):
        raise PageUnreadable("not_json", why)
    return parts
