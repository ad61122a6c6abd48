"""Reads the ids of all stored events, and what the totals say of their completeness, as of one instant.

Invariant: everything that one :func:`id_snapshot` gives is of the same snapshot, and no more ids than one batch are in
memory. Whether what is found is good enough to submit is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from msgspec import Struct
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from datasync_spider.storage.connection import (
    HANDED_ON_IDLE_TIMEOUT_MS,
    Connection,
    connected,
    limit_transaction,
    translated,
)
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.statements import statement

_BATCH_ROWS = 10_000


class Basis(Struct, frozen=True):
    """``events`` counts the rows of the table, ``recorded_events`` what its runs say to have put there.

    ``pass_status`` is None where the stream was never started. ``unlistable`` is an id that cannot be one line.
    ``rejected_events`` are those that no replay has mended.
    """

    slice: Slice
    pass_status: str | None
    pass_number: int
    pass_kind: str
    expected_total: int | None
    completed_at: datetime | None
    is_running: bool
    events: int
    recorded_events: int
    rejected_events: int
    unlistable: str | None


class IdSnapshot:
    """One transaction's view of the database."""

    def __init__(self, connection: Connection, basis: Basis) -> None:
        self._connection = connection
        self.basis = basis

    def batches(self) -> Iterator[list[str]]:
        """All ids in the order of their bytes, some thousands at a time, through a cursor that the server keeps."""
        with translated(), self._connection.cursor(name="event_ids") as cursor:
            cursor.execute(self.basis.slice.table.statement("select_event_ids"))
            while rows := cursor.fetchmany(_BATCH_ROWS):
                yield [row[0] for row in rows]


@contextmanager
def id_snapshot(database_url: str, slice_: Slice) -> Iterator[IdSnapshot]:
    """The ids that the slice has stored. Read-only, and closed with the context."""
    with connected(database_url) as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        limit_transaction(connection, HANDED_ON_IDLE_TIMEOUT_MS)
        yield IdSnapshot(connection, _read_basis(connection, slice_))


def _read_basis(connection: Connection, slice_: Slice) -> Basis:
    with translated(), connection.cursor() as cursor:
        cursor.execute(slice_.table.statement("count_event_ids"))
        events, unlistable = cursor.fetchone() or (0, None)
        cursor.execute(statement("read_submission_basis"), {"slice_id": slice_.slice_id})
        row = cursor.fetchone() or (None, "full", 0, None, None, False, events, 0)
    status, kind, number, expected_total, completed_at, is_running, recorded, rejected = row
    return Basis(
        slice=slice_,
        pass_status=status,
        pass_number=number,
        pass_kind=kind,
        expected_total=expected_total,
        completed_at=completed_at,
        is_running=is_running,
        events=events,
        recorded_events=recorded,
        rejected_events=rejected,
        unlistable=unlistable,
    )
