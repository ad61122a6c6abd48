"""Reads what the database says of streams and runs, for people and programs that only look."""

from __future__ import annotations

from typing import Any

from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.statements import statement


def read_state(connection: Connection, slice_id: int) -> dict[str, Any] | None:
    """The slice's row, by column name; None where it has been dropped meanwhile."""
    rows = _all(connection, "read_state", {"slice_id": slice_id})
    return rows[0] if rows else None


def read_stream_names(connection: Connection) -> list[str]:
    """The streams that were ever begun here, the oldest first."""
    return [row["stream"] for row in _all(connection, "read_stream_names", {})]


def read_last_runs(connection: Connection, slice_id: int, limit: int) -> list[dict[str, Any]]:
    """The newest runs first, by column name."""
    return _all(connection, "read_last_runs", {"slice_id": slice_id, "limit": limit})


def read_last_backfill(connection: Connection, slice_id: int) -> dict[str, Any] | None:
    """The newest backfill, by column name, where no run of a pass came after it."""
    rows = _all(connection, "read_last_backfill", {"slice_id": slice_id})
    return rows[0] if rows else None


def _all(connection: Connection, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement(name), values)
        rows = cursor.fetchall()
        connection.rollback()
    return [dict(row) for row in rows]
