"""Tries dead letters again: a piece of them in one transaction, with all that makes it count.

What each crash point leaves behind:

before the piece commits   nothing of the piece; the dead letters are open and are tried again
after it                   its events stored, its dead letters resolved, the totals moved by both
between two pieces         the same; the next replay finds only what is still open

Invariant: a dead letter is resolved in the transaction that stores its event, or that finds it stored. A dead letter
that stays rejected keeps its row as it is. As in the writer, the checkpoint touches exactly the row whose fence is
ours, or nothing is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from datasync_spider import failpoints
from datasync_spider.errors import FencedOff, StorageRefused
from datasync_spider.items import EventPage
from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.storage.batch import PreparedPage, Watermark
from datasync_spider.storage.conflicts import resolve_staged
from datasync_spider.storage.connection import Connection, instant_of, limit_transaction, translated
from datasync_spider.storage.deadletters import DeadLetter, find_stored
from datasync_spider.storage.prepare import Preparer
from datasync_spider.storage.quarantine import RejectedRow, stage_rows
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.runs import Hold
from datasync_spider.storage.statements import statement


class Tried(Struct):
    """What became of some dead letters.

    ``stored`` is by event id, ``resolved`` and ``duplicates`` count dead letters. ``left`` were not tried
    after all: another dead letter with the same id and other content went before and was refused. ``falls_short``: the
    stream holds less than the API counts.
    """

    stored: set[str] = field(default_factory=set)
    resolved: int = 0
    conflicts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left: list[DeadLetter] = field(default_factory=list)
    falls_short: bool = False

    @property
    def duplicates(self) -> int:
        return self.resolved - len(self.stored)


class _Piece(Struct):
    """Dead letters that this version can read, each with its event, as rows without two of one id."""

    readable: list[tuple[DeadLetter, Event]]
    unreadable: Counter[str]
    prepared: PreparedPage

    def outcome(self, stored: set[str], known: set[str], bad: Sequence[RejectedRow]) -> tuple[Tried, list[int]]:
        """What became of each dead letter, and the numbers of the resolved ones.

        ``stored`` are the ids that this piece brought, ``known`` all of its ids that are in the table, ``bad`` the
        rows that PostgreSQL refused.
        """
        tried = Tried(stored=stored, refused=Counter(self.unreadable))
        refusals = {row.event.event_id: row for row in bad}
        resolved: list[int] = []
        for entry, event in self.readable:
            if event.event_id in known:
                resolved.append(entry.rejected_id)
            elif event.payload == refusals[event.event_id].event.payload:
                tried.refused[refusals[event.event_id].reason] += 1
            else:
                tried.left.append(entry)
        tried.resolved = len(resolved)
        return tried, resolved


def replay_dead_letters(connection: Connection, hold: Hold, dead_letters: Sequence[DeadLetter]) -> Tried:
    """Stores what is acceptable of these dead letters, resolves them, and commits.

    Raises FencedOff where the stream is no longer ours; then, and on any other error, nothing of it is committed.
    """
    with translated(), connection.cursor() as cursor:
        piece = _prepare(dead_letters, hold.slice.reader)
        limit_transaction(connection, hold.lease_ttl_ms, slice_id=hold.slice.slice_id)
        bad = _stage(connection, cursor, piece.prepared)
        cursor.execute(hold.slice.table.statement("merge_staged"))
        stored = {event_id for (event_id,) in cursor.fetchall()}
        # What was refused may be stored all the same, with other content.
        known = set(piece.prepared.rows.event_ids) - {row.event.event_id for row in bad}
        known |= find_stored(connection, hold.slice, {row.event.event_id for row in bad})
        tried, resolved = piece.outcome(stored, known, bad)
        # What PostgreSQL refuses of these cannot be compared, and its bytes are kept as they are, in its dead letter.
        stage_rows(connection, Rows.of(piece.prepared.versions))
        resolved_rows = resolve_staged(connection, hold)
        tried.conflicts = resolved_rows.conflicts
        # In a mutable stream the later version of an event has replaced the stored one, and its time counts.
        timed = stored if hold.slice.table.versions is None else known
        failpoints.reach("before_checkpoint")
        tried.falls_short = _checkpoint(cursor, hold, tried, _marks(piece.readable, timed))
        _resolve(cursor, hold, resolved)
        cursor.execute(statement("advance_replay"), {"run_id": hold.run_id, **_counts(tried)})
        failpoints.reach("before_commit")
        connection.commit()
        failpoints.reach("after_commit")
    return tried


def try_dead_letters(connection: Connection, slice_: Slice, dead_letters: Sequence[DeadLetter]) -> Tried:
    """What would become of these dead letters. Touches no table but a temporary one, and rolls back."""
    with translated(), connection.cursor() as cursor:
        piece = _prepare(dead_letters, slice_.reader)
        bad = _stage(connection, cursor, piece.prepared)
        ids = set(piece.prepared.rows.event_ids)
        known = find_stored(connection, slice_, ids)
        acceptable = ids - {row.event.event_id for row in bad}
        connection.rollback()
    return piece.outcome(acceptable - known, acceptable | known, bad)[0]


def _prepare(dead_letters: Sequence[DeadLetter], reader: RecordReader) -> _Piece:
    readable: list[tuple[DeadLetter, Event]] = []
    unreadable: Counter[str] = Counter()
    for entry in dead_letters:
        again = entry.read_again(reader)
        if isinstance(again, RejectedEvent):
            unreadable[again.reason] += 1
        else:
            readable.append((entry, again))
    # A page that no API sent, so that everything that writes a page writes this one.
    page = EventPage(1, 1, None, None, len(readable), [event for _, event in readable], [])
    return _Piece(readable, unreadable, Preparer().prepare(page))


def _stage(connection: Connection, cursor: Any, prepared: PreparedPage) -> list[RejectedRow]:
    cursor.execute(statement("create_staging"))
    return stage_rows(connection, prepared.rows)


def _marks(readable: Sequence[tuple[DeadLetter, Event]], event_ids: set[str]) -> list[Watermark]:
    return [
        (event.occurred_at_us, event.event_id)
        for _, event in readable
        if event.event_id in event_ids and event.occurred_at_us is not None
    ]


def _checkpoint(cursor: Any, hold: Hold, tried: Tried, marks: Sequence[Watermark]) -> bool:
    """Gives whether the totals fall short of the API's count by now."""
    newest, oldest = max(marks, default=None), min(marks, default=None)
    values = {
        **hold.key,
        "lease_ttl_ms": hold.lease_ttl_ms,
        "inserted": len(tried.stored),
        "settled": tried.resolved,
        "newest_at": instant_of(newest[0]) if newest else None,
        "newest_id": newest[1] if newest else None,
        "oldest_at": instant_of(oldest[0]) if oldest else None,
        "oldest_id": oldest[1] if oldest else None,
    }
    cursor.execute(statement("replay_checkpoint"), values)
    row = cursor.fetchone()
    if row is None:
        raise FencedOff(f"stream {hold.slice} has been taken over by another run")
    return bool(row[0] == "short")


def _resolve(cursor: Any, hold: Hold, rejected_ids: list[int]) -> None:
    cursor.execute(statement("resolve_dead_letters"), {**hold.key, "rejected_ids": rejected_ids})
    if len(cursor.fetchall()) != len(rejected_ids):
        raise StorageRefused("another process resolved some of these rejected events meanwhile: run the replay again")


def _counts(tried: Tried) -> dict[str, int]:
    refused = tried.refused.total()
    return {
        "events": tried.resolved + refused,
        "inserted": len(tried.stored),
        "duplicates": tried.duplicates,
        "rejected": refused,
        "conflicts": tried.conflicts,
    }
