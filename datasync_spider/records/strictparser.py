"""The strict parser of one record, for what the fast decoder refuses: it finds the reason, or that there is none.

Invariant: where the fast decoder and this module both accept a record, they read the same from it. Everything that
PostgreSQL would store passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasync_spider.observe.reasons import ID_NUL, INVALID_UTF8, NOT_AN_OBJECT, NUL_CHARACTER
from datasync_spider.records.grammar import Ungrammatical, unstorable_escape
from datasync_spider.records.ids import IdRule, RecordRejected, id_rule
from datasync_spider.records.literals import Literals, text_of
from datasync_spider.records.timereader import TimeReader
from datasync_spider.sources.paths import Path

__all__ = ["RecordRejected", "StrictParser"]

_NUMBER_STARTS = b"-0123456789"
_REPLACEMENT = "\ufffd"


class StrictParser:
    """``ids``, ``times``: where they stand in a record, in the order in which they count. Made once a run."""

    def __init__(
        self, ids: Sequence[Path], times: Sequence[Path], rule: IdRule | None = None, reader: TimeReader | None = None
    ) -> None:
        self._rule = rule or id_rule("any", ids)
        self._times = times
        self._read_time = (reader or TimeReader()).one
        self._is_of_objects = all(isinstance(next(iter(path.steps), None), str) for path in ids)

    def parse_strictly(self, payload: bytes) -> tuple[str, int | None]:
        """The record's id and time. Raises RecordRejected."""
        record = self._record(payload)
        fault = unstorable_escape(payload)
        if fault is not None:
            is_in_id = fault == NUL_CHARACTER and any(map(_has_nul, self._rule.literals(record)))
            raise RecordRejected(ID_NUL if is_in_id else fault)
        return self._rule.of_record(record), self._occurred_at_us(record)

    def readable_id(self, payload: bytes) -> str | None:
        """The id of a record that may be rejected for another reason; None where there is none that could be a key."""
        text = payload.decode(errors="replace").encode()
        try:
            event_id = self._rule.of_record(self._record(text))
        except RecordRejected:
            return None
        # What stands for bytes that are no text may stand for any, and distinguishes no two ids.
        needs_fallback = text != payload and (self._rule.is_digest or _REPLACEMENT in event_id)
        return None if needs_fallback else event_id

    def _record(self, payload: bytes) -> Literals:
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise RecordRejected(INVALID_UTF8) from None
        try:
            record = Literals(payload)
        except Ungrammatical as error:
            raise RecordRejected(error.reason) from None
        if self._is_of_objects and not record.is_object:
            raise RecordRejected(NOT_AN_OBJECT)
        return record

    def _occurred_at_us(self, record: Literals) -> int | None:
        for literal in map(record.at, self._times):
            if literal is None:
                continue
            # Numbers stay text: a float, or an int of thousands of digits, would not keep them.
            if literal.startswith(b'"'):
                time_us = self._read_time(text_of(literal))
            else:
                time_us = self._read_time(literal.decode()) if literal[0] in _NUMBER_STARTS else None
            if time_us is not None:
                return time_us
        return None


def _has_nul(literal: bytes | None) -> bool:
    return literal is not None and literal.startswith(b'"') and unstorable_escape(literal) == NUL_CHARACTER
