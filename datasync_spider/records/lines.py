"""Cuts a body of one JSON value a line (NDJSON, JSON Lines) into its records.

Invariant: a body that ends within a value is truncated_json and never a shorter page. A line in the middle that is no
JSON value is a piece by itself, and costs no other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import MALFORMED_JSON, TRUNCATED_JSON
from datasync_spider.records.pieces import Piece, Unmade
from datasync_spider.records.spans import skip_space, value_end

_CUT_WORD = re.compile(rb"-|t|tr|tru|f|fa|fal|fals|n|nu|nul|-?[0-9.]*(?:\.|[eE][+-]?)")
_decode = msgspec.json.Decoder(msgspec.Raw).decode


def split_lines(body: bytes) -> list[Piece]:
    """What each line holds that holds anything. Raises PageUnreadable."""
    lines = [line for line in map(bytes.strip, body.split(b"\n")) if line]
    if lines and _is_cut(lines[-1]):
        raise PageUnreadable(TRUNCATED_JSON, f"the body ends within the value of its last line, {len(lines):,}")
    return pieces_of(lines)


def pieces_of(texts: Iterable[bytes]) -> list[Piece]:
    """Each text as a record's, where it may be one JSON value and is certainly not more than one."""
    return list(map(_piece, texts))


def _piece(text: bytes) -> Piece:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text if _is_one_value(text) else Unmade.of(text, MALFORMED_JSON)


def _is_one_value(text: bytes) -> bool:
    """As far as brackets and strings show, as with the elements of a list: what is in it is looked at later."""
    try:
        return skip_space(text, value_end(text, skip_space(text, 0))) == len(text)
    except PageUnreadable:
        return False


def _is_cut(line: bytes) -> bool:
    try:
        value_end(line, 0)
    except PageUnreadable as error:
        return error.reason == TRUNCATED_JSON
    return _CUT_WORD.fullmatch(line) is not None
