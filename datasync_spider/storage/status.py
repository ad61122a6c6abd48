"""Reads what the database says of streams and runs, for people and programs that only look."""

from __future__ import annotations

from typing import Any

from datasync_spider.storage.connect import Connection, RowCursor
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translated


def read_streams(connection: Connection) -> list[dict[str, Any]]:
    """One dictionary a stream, by column name."""
    return _all(connection, "read_streams", {})


def read_stream_names(connection: Connection) -> list[str]:
    """The streams that were ever begun here, the oldest first."""
    return [row["stream"] for row in _all(connection, "read_stream_names", {})]


def read_asked_waits(connection: Connection, stream: str) -> tuple[float, float]:
    """For how many seconds a refusal for the rate, and any other answer, ask to stay away; 0 where nothing does."""
    found = _all(connection, "read_asked_waits", {"stream": stream})
    return (found[0]["closed_seconds"], found[0]["advised_seconds"]) if found else (0.0, 0.0)


def read_last_runs(connection: Connection, stream: str, limit: int) -> list[dict[str, Any]]:
    """The newest runs first, by column name."""
    return _all(connection, "read_last_runs", {"stream": stream, "limit": limit})


def _all(connection: Connection, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement(name), values)
        rows = cursor.fetchall()
        connection.rollback()
    return [dict(row) for row in rows]
