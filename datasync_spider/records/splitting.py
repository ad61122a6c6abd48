"""Cuts the pages of a stream into its records, whatever their shape is.

Invariant: of what a page holds where its records stand nothing is dropped, and what stands around them is JSON for the
decoder to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import COLUMNS_UNREADABLE, NOT_JSON
from datasync_spider.records.exactjson import REFUSALS, decode
from datasync_spider.records.lines import split_lines
from datasync_spider.records.pieces import Piece
from datasync_spider.records.recovery import MapSplitter, PageSplitter
from datasync_spider.records.shapes import Keyed, Rows, Scalars, Wrapped
from datasync_spider.records.userrecords import UserRecords
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Stream

Split: TypeAlias = Callable[[bytes], "tuple[list[msgspec.Raw] | list[Piece] | None, bytes]"]
"""The records of a page, None where it has no place for them, and what stands around them. Raises PageUnreadable."""


def splitter(stream: Stream) -> Split:
    """Made once a run. Raises ConfigurationError where a class of the user's cannot be used."""
    shape = stream.shape
    if shape.kind == "python":
        return UserRecords(stream).split
    if shape.kind == "map":
        return _of_map(stream)
    cut: Split = _lines if stream.format == "ndjson" else PageSplitter(stream.records).split
    match shape.kind:
        case "wrapped" if shape.path is not None:
            return _made(cut, Wrapped(shape.path).records)
        case "scalars":
            return _made(cut, Scalars().records)
        case "columns" if shape.path is not None:
            return _of_rows(cut, shape.path)
    return cut


def _lines(body: bytes) -> tuple[list[Piece], bytes]:
    return split_lines(body), b"{}"


def _made(cut: Split, make: Callable[[Sequence[Piece]], list[Piece]]) -> Split:
    def split(text: bytes) -> tuple[list[Piece] | None, bytes]:
        pieces, rest = cut(text)
        return None if pieces is None else make(pieces), rest

    return split


def _of_rows(cut: Split, names: Path) -> Split:
    make = Rows().records

    def split(text: bytes) -> tuple[list[Piece] | None, bytes]:
        pieces, rest = cut(text)
        if pieces is None:
            return None, rest
        # Beside no row the names may be missing.
        return make(pieces, _names_at(names, rest) if pieces else ()), rest

    return split


def _names_at(path: Path, rest: bytes) -> list[str]:
    """Raises PageUnreadable."""
    try:
        names = path.read(decode(rest))
    except REFUSALS as error:
        raise PageUnreadable(NOT_JSON, str(error)) from error
    place = ascii(str(path))[1:-1]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise PageUnreadable(COLUMNS_UNREADABLE, f"what stands at {place} is no list of names")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PageUnreadable(COLUMNS_UNREADABLE, f"the list of names at {place} has {twice[:80]!a} twice")
    return names


def _of_map(stream: Stream) -> Split:
    cut, keyed = MapSplitter(stream.records).split, Keyed(stream.shape.key)

    def split(text: bytes) -> tuple[list[Piece] | None, bytes]:
        members, rest = cut(text)
        return None if members is None else keyed.records(members), rest

    return split
