"""What is registered, for people; and whether it may be run.

Invariant: a listing is one statement, whose cost is that of what it shows and of one look at the registry; no table of
a stream is read. Pausing changes nothing of a run that is under way.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.storage.connect import Connection, RowCursor
from datasync_spider.storage.limits import IDLE_TIMEOUT_MS, limit_transaction
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated


def list_slices(connection: Connection, stream: str | None, limit: int) -> list[dict[str, Any]]:
    """The slices of one stream, or of all, by name; at most ``limit``, 0 for all. Each row says how many there are."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("list_slices"), {"stream": stream, "limit": limit})
        rows = cursor.fetchall()
        connection.rollback()
    return [dict(row) for row in rows]


def read_registered_names(connection: Connection) -> list[str]:
    """The streams that are registered, the oldest first."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_registered_names"))
        names = [name for (name,) in cursor.fetchall()]
        connection.rollback()
    return names


def pause(connection: Connection, stream_id: int, slice_name: str | None) -> None:
    """No run of the slice, or of any slice that the stream has now, begins until it is resumed."""
    _change(connection, "pause_slices", stream_id, slice_name)


def resume(connection: Connection, stream_id: int, slice_name: str | None) -> int:
    """How many slices had been paused, and may be run from now on."""
    return _change(connection, "resume_slices", stream_id, slice_name)


def accept(connection: Connection, stream_id: int, slice_name: str | None) -> int:
    """How many changes of fields nobody had accepted so far; now they are."""
    return _change(connection, "accept_drift", stream_id, slice_name)


def _change(connection: Connection, name: str, stream_id: int, slice_name: str | None) -> int:
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement(name), {"stream_id": stream_id, "slice": slice_name})
        changed = int(cursor.rowcount)
        connection.commit()
    return changed
