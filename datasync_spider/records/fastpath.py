"""The fast path through records: ids and times of many together, or of one. What it cannot judge it leaves.

Invariant: what is accepted here, :mod:`datasync_spider.records.strictparser` would accept too, and read the same from
it. A doubt is never resolved here: the answer is None, and the strict parser looks more slowly.

The look at many costs a third of as many looks at one: each step is one call for a whole column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from datasync_spider.records.eventid import MAX_ID_BYTES, id_fault
from datasync_spider.records.exactjson import REFUSALS
from datasync_spider.records.grammar import MAX_DEPTH
from datasync_spider.records.ids import IdRule, id_rule
from datasync_spider.records.pathcolumns import Column, Columns
from datasync_spider.records.timereader import TimeReader
from datasync_spider.sources.paths import Path

_BACKSLASH = b"\\"[0]  # as a number: that search is one memchr
_FEW_BACKSLASHES = 300
_SURELY_SHORT = MAX_ID_BYTES // 4  # UTF-8 takes at most four bytes for a character
_SURELY_SHALLOW_BYTES = 2 * MAX_DEPTH  # each level takes two brackets
# Python decodes what is not ASCII tenfold slower, so little is to share a piece with it.
_UTF8_PIECE_BYTES = 4_096

Payload: TypeAlias = bytes | msgspec.Raw
"""A record's bytes, be they its own or a part of the body."""

IdsAndTimes: TypeAlias = tuple[list[str], list[int | None]]
"""Times in microseconds since 1970-01-01 UTC, None for no usable one; the records' order."""


class FastPath:
    """``ids``, ``times``: where they stand in a record, in the order in which they count. Made once a run."""

    def __init__(
        self, ids: Sequence[Path], times: Sequence[Path], rule: IdRule | None = None, reader: TimeReader | None = None
    ) -> None:
        self._rule = rule or id_rule("any", ids)
        self._reader = reader or TimeReader()
        read = self._rule.read
        # Where the first of several places has what is wanted, whatever else a record has makes no difference.
        has_choice = not self._rule.is_digest and (len(times) > 1 or (self._rule.is_choice and len(read) > 1))
        first = (read[:1] if self._rule.is_choice else read, times[:1])
        try:
            self._columns = [Columns(*place) for place in [first] * has_choice + [(read, times)]]
        except ValueError:  # a name that the decoder cannot look for
            self._columns = []

    def at_all(self, payloads: Sequence[Payload]) -> IdsAndTimes | None:
        """Ids and times of all, or None where a record, or the ids taken together, need a closer look."""
        if not payloads:
            return [], []
        text = as_list(payloads)
        if _has_nul_escape(text):
            return None
        if max(map(len, payloads)) > _SURELY_SHALLOW_BYTES and not all(map(is_shallow, map(bytes, payloads))):
            return None
        found = self._read(text, payloads)
        return found if found and len(found[0]) == len(payloads) and _are_plain(found[0]) else None

    def at_one(self, payload: bytes) -> tuple[str, int | None] | None:
        """Id and time of one record, or None where it needs the strict parser."""
        if not is_shallow(payload) or _has_nul_escape(payload):
            return None
        found = self._read(b"[" + payload + b"]", [payload])
        if found is None or len(found[0]) != 1:
            return None
        ((event_id,), (time_us,)) = found
        return (event_id, time_us) if id_fault(event_id) is None else None

    def _read(self, text: bytes, payloads: Sequence[Payload]) -> IdsAndTimes | None:
        """``text``: a list of records."""
        for columns in self._columns:
            try:
                records = columns.decode(text)
                event_ids = self._rule.of_columns((follow(records) for follow in columns.ids), payloads)
                if event_ids is None:
                    continue
                times_us = self._times(len(records), (follow(records) for follow in columns.times))
                # Another place may have the time that this one has not.
                if None in times_us and columns is not self._columns[-1]:
                    continue
                # The decoder does not check the UTF-8 of what it skips.
                check_utf8(text)
            except msgspec.ValidationError:
                continue
            except REFUSALS:
                return None
            return event_ids, times_us
        return None

    def _times(self, count: int, columns: Iterable[Column]) -> list[int | None]:
        """Of the first place that holds one, for each record."""
        times_us: list[int | None] | None = None
        for column in columns:
            if times_us is None:
                times_us = self._reader.many(column)
            elif None in times_us:
                times_us = [
                    self._reader.one(value) if time_us is None else time_us
                    for time_us, value in zip(times_us, column, strict=True)
                ]
        return [None] * count if times_us is None else times_us


def as_list(payloads: Sequence[Payload]) -> bytes:
    """A JSON value each, so that between brackets and commas they are a JSON array."""
    parts = list(payloads)
    parts[0] = b"[" + parts[0]
    parts.append(b"]")
    parts[-2:] = [b"".join(parts[-2:])]
    return b",".join(parts)


def check_utf8(text: bytes) -> None:
    """Raises UnicodeDecodeError."""
    start = 0 if not text.isascii() else len(text)
    while start < len(text):
        # No longer character has a comma in it, so it may be cut there.
        comma = text.find(b",", start + _UTF8_PIECE_BYTES)
        end = len(text) if comma < 0 else comma
        piece = text[start:end]
        if not piece.isascii():
            piece.decode()
        start = end


def _are_plain(event_ids: list[str]) -> bool:
    """Whether each is short and begins with a visible ASCII character, which leaves nothing to find fault with."""
    lengths = set(map(len, event_ids))
    if len(lengths) == 1:
        firsts = "".join(event_ids)[:: max(1, *lengths)]
    else:
        firsts = "".join([event_id[:1] for event_id in event_ids])
    are_visible = firsts.isascii() and firsts.isprintable() and " " not in firsts
    return are_visible and 0 not in lengths and max(lengths) <= _SURELY_SHORT


def _has_nul_escape(text: bytes) -> bool:
    # Backslashes are rare, and a search for one is several times as fast as a search for six characters.
    place = -1
    for _ in range(_FEW_BACKSLASHES):
        place = text.find(_BACKSLASH, place + 1)
        if place < 0:
            return False
        if text.startswith(b"u0000", place + 1):
            return True
    return b"\\u0000" in text[place:]


def is_shallow(payload: bytes) -> bool:
    """Whether the strict parser would not call it too deep."""
    # The decoder takes more levels than we do.
    return len(payload) <= _SURELY_SHALLOW_BYTES or payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH
