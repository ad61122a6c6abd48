"""Where the values of a JSON text end, by brackets and strings alone, without recursion: no depth matters.

Invariant: brackets and strings must fit. A text that ends before a value does is truncated_json, one that does not add
up is not_json; what stands between the brackets is the caller's to check. All here raise PageUnreadable.
"""

from __future__ import annotations

import re

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import NOT_JSON, TRUNCATED_JSON

_SPACE = re.compile(rb"[ \t\n\r]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\n\r,:"\[\]{}]++')
# Whatever lies between two brackets, strings with brackets in them included.
_BETWEEN_BRACKETS = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_CLOSER = {b"{"[0]: b"}"[0], b"["[0]: b"]"[0]}


def skip_space(text: bytes, position: int) -> int:
    """The first place from this one on that is no space."""
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def after(text: bytes, position: int, mark: bytes) -> int:
    """The place behind this mark, which must stand here."""
    _check_more(text, position)
    if not text.startswith(mark, position):
        raise PageUnreadable(NOT_JSON, f"byte {position}: {mark.decode()} expected")
    return position + 1


def _check_more(text: bytes, position: int) -> None:
    if position >= len(text):
        raise PageUnreadable(TRUNCATED_JSON, f"the body ends after {len(text)} bytes")


def string_end(text: bytes, position: int) -> int:
    """Of the string that must begin here."""
    _check_more(text, position)
    if not text.startswith(b'"', position):
        raise PageUnreadable(NOT_JSON, f"byte {position}: a string expected")
    match = _STRING.match(text, position)
    if match is None:
        raise PageUnreadable(TRUNCATED_JSON, f"the body ends within the string at byte {position}")
    return match.end()


def value_end(text: bytes, position: int) -> int:
    """Of the value that must begin here."""
    _check_more(text, position)
    if text[position] in _CLOSER:
        return _container_end(text, position)
    if text.startswith(b'"', position):
        return string_end(text, position)
    match = _SCALAR.match(text, position)
    if match is None:
        raise PageUnreadable(NOT_JSON, f"byte {position}: a value expected")
    return match.end()


def _container_end(text: bytes, position: int) -> int:
    closers = bytearray()
    while True:
        byte = text[position]
        if byte in _CLOSER:
            closers.append(_CLOSER[byte])
        elif closers.pop() != byte:
            raise PageUnreadable(NOT_JSON, f"byte {position}: a bracket that closes nothing")
        position += 1
        if not closers:
            return position
        between = _BETWEEN_BRACKETS.match(text, position)
        assert between is not None
        position = between.end()
        _check_more(text, position)
        # What stops the scan is a bracket, or a string without an end.
        if text.startswith(b'"', position):
            raise PageUnreadable(TRUNCATED_JSON, f"the body ends within the string at byte {position}")
