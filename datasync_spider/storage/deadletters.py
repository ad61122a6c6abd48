"""Reads dead letters: in groups, as a list, the bytes of one, or all of them a piece at a time.

Invariant: nothing here changes a row. What a listing gives holds no more than the head of an event's bytes; what reads
whole events keeps a bounded number of bytes in memory, however many dead letters there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.statements import statement

# One dead letter may be larger than this; then it comes alone.
_PIECE_BYTES = 8 << 20
_PIECE_ROWS = 1_000


class Chosen(msgspec.Struct, frozen=True):
    """Which dead letters are meant. None chooses all; ``with_replayed`` adds those that are resolved."""

    slice: Slice
    reason: str | None = None
    run_id: int | None = None
    with_replayed: bool = False

    def values(self) -> dict[str, Any]:
        return {
            "slice_id": self.slice.slice_id,
            "reason": self.reason,
            "run_id": self.run_id,
            "with_replayed": self.with_replayed,
        }


class DeadLetterCount(msgspec.Struct, frozen=True):
    """``open``: not resolved. ``replayed``: an event of this content is stored by now."""

    open: int
    replayed: int


class DeadLetterGroup(msgspec.Struct, frozen=True):
    """All chosen dead letters of one reason; ``head`` is the beginning of ``example_id``'s ``example_bytes`` bytes."""

    reason: str
    dead_letters: int
    replayed: int
    size_bytes: int
    first_at: datetime
    last_at: datetime
    example_id: int
    head: bytes
    example_bytes: int


class ListedDeadLetter(msgspec.Struct, frozen=True):
    """One dead letter with the beginning of its bytes. ``position`` is -1 where its place in the page is not known."""

    rejected_id: int
    run_id: int
    page_number: int
    position: int
    reason: str
    detail: str | None
    head: bytes
    size_bytes: int
    rejected_at: datetime
    replayed_at: datetime | None


class DeadLetter(msgspec.Struct, frozen=True):
    """One dead letter with all of its bytes."""

    rejected_id: int
    reason: str
    raw: bytes
    raw_sha256: bytes
    replayed: bool

    def read_again(self, reader: RecordReader) -> Event | RejectedEvent:
        """What this version makes of it."""
        parsed = reader.parse([reader.kept(self.raw, self.reason)])
        return parsed.events[0] if parsed.events else parsed.rejected[0]


def count_dead_letters(connection: Connection, chosen: Chosen) -> DeadLetterCount:
    """How many there are, whatever ``with_replayed`` says."""
    (row,) = _all(connection, "count_dead_letters", chosen.values())
    return DeadLetterCount(**row)


def read_groups(connection: Connection, chosen: Chosen, head_bytes: int) -> list[DeadLetterGroup]:
    """One group a reason, the largest first."""
    rows = _all(connection, "read_dead_letter_groups", {**chosen.values(), "head_bytes": head_bytes})
    return [DeadLetterGroup(**{**row, "head": bytes(row["head"])}) for row in rows]


def read_list(connection: Connection, chosen: Chosen, limit: int, head_bytes: int) -> list[ListedDeadLetter]:
    """The newest ones first."""
    rows = _all(connection, "read_dead_letter_list", {**chosen.values(), "limit": limit, "head_bytes": head_bytes})
    return [ListedDeadLetter(**{**row, "head": bytes(row["head"])}) for row in rows]


def read_bytes(connection: Connection, slice_: Slice, rejected_id: int) -> bytes | None:
    """The event exactly as received, or None where the slice has no such dead letter."""
    rows = _all(connection, "read_dead_letter_bytes", {"slice_id": slice_.slice_id, "rejected_id": rejected_id})
    return bytes(rows[0]["raw"]) if rows else None


def read_dead_letters_after(connection: Connection, chosen: Chosen, after: int) -> list[DeadLetter]:
    """The next piece behind the dead letter ``after``, in the order in which they came; empty at the end.

    The transaction goes on: who changes dead letters changes them in the one that they were read in.
    """
    _all(connection, "scan_dead_letters", {})
    piece = {"after": after, "max_rows": _PIECE_ROWS, "max_bytes": _PIECE_BYTES}
    rows = _all(connection, "read_dead_letters_after", {**chosen.values(), **piece})
    return [DeadLetter(**{**row, "raw": bytes(row["raw"]), "raw_sha256": bytes(row["raw_sha256"])}) for row in rows]


def read_ids(dead_letters: Iterable[DeadLetter], reader: RecordReader) -> list[str]:
    """The ids of those dead letters that have one to be read, in no order, each as often as it has dead letters."""
    parsed = reader.parse([reader.kept(entry.raw, entry.reason) for entry in dead_letters])
    rejected_ids = (event.event_id for event in parsed.rejected)
    return [*parsed.event_ids, *(event_id for event_id in rejected_ids if event_id is not None)]


def find_stored(connection: Connection, slice_: Slice, event_ids: Collection[str]) -> set[str]:
    """Which of these ids are stored."""
    if not event_ids:
        return set()
    with translated(), connection.cursor() as cursor:
        cursor.execute(slice_.table.statement("find_stored"), {"event_ids": list(event_ids)})
        return {event_id for (event_id,) in cursor.fetchall()}


def _all(connection: Connection, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement(name), values)
        return [dict(row) for row in cursor.fetchall()]
