"""Records as columns of what each one's row needs, by the fast path where it takes them, else by the strict parser.

Invariant: every record comes out once, either among the columns, which PostgreSQL can store, or as a RejectedEvent with
the reason, and no record takes another one down. What only the database can judge (numbers beyond its range) is left to
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from datasync_spider.records import compiled
from datasync_spider.records.event import ParsedEvents, RejectedEvent
from datasync_spider.records.fastpath import FastPath, Payload
from datasync_spider.records.ids import IdRule
from datasync_spider.records.pieces import Piece, Unmade
from datasync_spider.records.strictparser import RecordRejected, StrictParser
from datasync_spider.records.timereader import TimeReader
from datasync_spider.sources.paths import Path

RawEvents: TypeAlias = "list[msgspec.Raw] | list[Piece] | compiled.Events"
"""The bytes of each record, mostly not copied: they keep the whole body in memory."""

# So many go through all steps together, and stay in the processor's cache for that long.
_TOGETHER = 500
# One record in so many may be looked at by itself before a look at all of them costs less.
_FEW_FALLBACKS = 8


class RecordParser:
    """``ids``, ``times``: where they stand in a record, in the order in which they count. Made once a run."""

    def __init__(
        self, ids: Sequence[Path], times: Sequence[Path], rule: IdRule | None = None, reader: TimeReader | None = None
    ) -> None:
        self._fast_path = FastPath(ids, times, rule, reader)
        self._strict = StrictParser(ids, times, rule, reader)

    def parse(self, records: RawEvents) -> ParsedEvents:
        """All records of a page. What a scanner found was read by these same places."""
        if isinstance(records, list):
            return self._parse_together(records)
        event_ids, times_us, fallbacks = records.columns()
        if not fallbacks:
            return ParsedEvents(event_ids, times_us, records, [])  # type: ignore[arg-type] # no id is None
        if fallbacks * _FEW_FALLBACKS > len(records):
            return self._parse_together(list(records))
        parsing = _Parsing()
        for position, (event_id, time_us, payload) in enumerate(zip(event_ids, times_us, records, strict=True)):
            if event_id is None:
                self._look_closer(parsing, position, payload)
            else:
                parsing.add(event_id, time_us, payload)
        return parsing.parsed()

    def readable_id(self, record: bytes) -> str | None:
        """The id of a record that may be rejected for another reason; None where there is none that could be a key."""
        return self._strict.readable_id(record)

    def _parse_together(self, records: Sequence[Payload]) -> ParsedEvents:
        parsing = _Parsing()
        for start in range(0, len(records), _TOGETHER):
            some = list(records[start : start + _TOGETHER])
            has_unmade = any(isinstance(piece, Unmade) for piece in some)
            columns = None if has_unmade else self._fast_path.at_all(some)
            if columns is not None:
                parsing.extend(*columns, some)
                continue
            for position, payload in enumerate(some, start):
                self._look_closer(parsing, position, payload)
        return parsing.parsed()

    def _look_closer(self, parsing: _Parsing, position: int, piece: Piece) -> None:
        payload = bytes(piece)
        if isinstance(piece, Unmade):
            parsing.reject(RejectedEvent(position, piece.reason, payload, piece.detail))
            return
        try:
            event_id, time_us = self._fast_path.at_one(payload) or self._strict.parse_strictly(payload)
        except RecordRejected as error:
            parsing.reject(RejectedEvent(position, error.reason, payload, event_id=self.readable_id(payload)))
        else:
            parsing.add(event_id, time_us, payload)


class _Parsing:
    """Columns while they grow."""

    def __init__(self) -> None:
        self._event_ids: list[str] = []
        self._times_us: list[int | None] = []
        self._payloads: list[Payload] = []
        self._rejected: list[RejectedEvent] = []

    def add(self, event_id: str, time_us: int | None, payload: bytes) -> None:
        self._event_ids.append(event_id)
        self._times_us.append(time_us)
        self._payloads.append(payload)

    def extend(self, event_ids: list[str], times_us: list[int | None], payloads: list[Payload]) -> None:
        self._event_ids += event_ids
        self._times_us += times_us
        self._payloads += payloads

    def reject(self, rejected: RejectedEvent) -> None:
        self._rejected.append(rejected)

    def parsed(self) -> ParsedEvents:
        return ParsedEvents(self._event_ids, self._times_us, self._payloads, self._rejected)
