"""Cuts a page into its events without looking into them, for pages that the decoder refuses because of one event.

Invariant: only brackets, strings and the commas between events are read, and they must fit: a body that ends early is
truncated_json, one that does not add up is not_json, and neither is ever a shorter page. No recursion, so that no depth
matters; what an event holds is judged later, with its bytes at hand.
"""

from __future__ import annotations

import re

import msgspec

from datasync_spider.api.grammar import Ungrammatical, walk
from datasync_spider.errors import PageUnreadable
from datasync_spider.reasons import EMPTY_BODY, NOT_AN_OBJECT, NOT_JSON, TRUNCATED_JSON

_SPACE = re.compile(rb"[ \t\n\r]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\n\r,:"\[\]{}]++')
# Whatever lies between two brackets, strings with brackets in them included.
_BETWEEN_BRACKETS = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_CLOSER = {b"{"[0]: b"}"[0], b"["[0]: b"]"[0]}


def split_page(text: bytes) -> tuple[list[msgspec.Raw] | None, bytes]:
    """The raw events, and the page with an empty array in their place for the decoder to judge.

    The events are None where neither ``data`` nor ``events`` is an array. Raises PageUnreadable.
    """
    start = _skip_space(text, 0)
    if start == len(text):
        raise PageUnreadable(EMPTY_BODY)
    if text[start] != b"{"[0]:
        raise PageUnreadable(NOT_AN_OBJECT if _is_json(text) else NOT_JSON)
    spans = _member_spans(text, start)
    arrays = [span for name in ("data", "events") if text[(span := spans.get(name, (start, start)))[0]] == b"["[0]]
    found = [(_elements(text, begin), b"".join((text[:begin], b"[]", text[end:]))) for begin, end in arrays]
    # An empty array beside one that holds something is no page without events.
    return next((each for each in found if each[0]), found[0] if found else (None, text))


def _is_json(text: bytes) -> bool:
    try:
        walk(text)
    except Ungrammatical:
        return False
    return True


def _member_spans(text: bytes, start: int) -> dict[str, tuple[int, int]]:
    """Where the values of the outer object's members stand; of equal names the last, as for the decoder."""
    spans: dict[str, tuple[int, int]] = {}
    position = _skip_space(text, start + 1)
    if text[position : position + 1] == b"}":
        return spans
    while True:
        key_end = _string_end(text, position)
        begin = _skip_space(text, _after(text, _skip_space(text, key_end), b":"))
        end = _value_end(text, begin)
        spans[_name(text[position:key_end])] = (begin, end)
        position = _skip_space(text, end)
        if text[position : position + 1] == b"}":
            return spans
        position = _skip_space(text, _after(text, position, b","))


def _elements(text: bytes, start: int) -> list[msgspec.Raw]:
    elements: list[msgspec.Raw] = []
    view = memoryview(text)
    position = _skip_space(text, start + 1)
    if text[position : position + 1] == b"]":
        return elements
    while True:
        end = _value_end(text, position)
        elements.append(msgspec.Raw(view[position:end]))
        position = _skip_space(text, end)
        if text[position : position + 1] == b"]":
            return elements
        position = _skip_space(text, _after(text, position, b","))


def _name(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # none that we look for


def _skip_space(text: bytes, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _after(text: bytes, position: int, mark: bytes) -> int:
    _check_more(text, position)
    if not text.startswith(mark, position):
        raise PageUnreadable(NOT_JSON, f"byte {position}: {mark.decode()} expected")
    return position + 1


def _check_more(text: bytes, position: int) -> None:
    if position >= len(text):
        raise PageUnreadable(TRUNCATED_JSON, f"the body ends after {len(text)} bytes")


def _string_end(text: bytes, position: int) -> int:
    _check_more(text, position)
    if not text.startswith(b'"', position):
        raise PageUnreadable(NOT_JSON, f"byte {position}: a string expected")
    match = _STRING.match(text, position)
    if match is None:
        raise PageUnreadable(TRUNCATED_JSON, f"the body ends within the string at byte {position}")
    return match.end()


def _value_end(text: bytes, position: int) -> int:
    _check_more(text, position)
    if text[position] in _CLOSER:
        return _container_end(text, position)
    if text.startswith(b'"', position):
        return _string_end(text, position)
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
