"""What is registered, for people; whether it may be run, and that it is to be synced anew.

Invariant: a listing is one statement, whose cost is that of what it shows and of one look at the registry; no table of
a stream is read. Nothing here changes anything of a run that is under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from datasync_spider.storage.connection import IDLE_TIMEOUT_MS, Connection, RowCursor, limit_transaction, translated
from datasync_spider.storage.due import make_due
from datasync_spider.storage.statements import statement


class StreamNames(Struct, frozen=True):
    """A stream that is registered, and the names of its slices."""

    stream_id: int
    stream: str
    slices: tuple[str, ...]


def list_slices(connection: Connection, streams: Sequence[str] | None, limit: int) -> list[dict[str, Any]]:
    """The slices of these streams, or of all, by name; at most ``limit``, 0 for all. Each row says how many."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("list_slices"), {"streams": streams, "limit": limit})
        rows = cursor.fetchall()
        connection.rollback()
    return [dict(row) for row in rows]


def read_names(connection: Connection) -> list[StreamNames]:
    """The streams that are registered with their slices, the oldest stream first."""
    found: dict[int, tuple[str, list[str]]] = {}
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_names"))
        for stream_id, stream, slice_name in cursor.fetchall():
            slices = found.setdefault(stream_id, (stream, []))[1]
            slices += [] if slice_name is None else [slice_name]
        connection.rollback()
    return [StreamNames(stream_id, stream, tuple(slices)) for stream_id, (stream, slices) in found.items()]


def pause(connection: Connection, stream_id: int, slices: Sequence[str] | None) -> None:
    """No run of these slices, or of any slice that the stream has now, begins until it is resumed."""
    _change(connection, "pause_slices", stream_id, slices)


def resume(connection: Connection, stream_id: int, slices: Sequence[str] | None) -> int:
    """How many slices had been paused, and may be run from now on."""
    return _change(connection, "resume_slices", stream_id, slices)


class Resynced(Struct, frozen=True):
    """``slices``: how many were named. ``running``: of how many a run is under way, which goes on as it is.

    ``full``: how many begin their next pass as a full one; of the others one is open, and goes on.
    """

    slices: int
    running: int
    full: int


def resync(
    connection: Connection, stream_id: int, stream: str, slices: Sequence[str] | None, *, is_full: bool
) -> Resynced:
    """The slices are due now, and with ``is_full`` their next pass is a full one. What is stored stays."""
    wanted = {"stream_id": stream_id, "slices": None if slices is None else list(slices)}
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        cursor.execute(statement("count_named"), wanted)
        named, running = cursor.fetchone()
        full = 0
        if is_full:
            cursor.execute(statement("want_full"), wanted)
            full = int(cursor.rowcount)
        make_due(cursor, stream, slices)
        connection.commit()
    return Resynced(named, running, full)


def accept(connection: Connection, stream_id: int, slices: Sequence[str] | None) -> int:
    """How many changes of fields no one had accepted so far; now they are."""
    return _change(connection, "accept_drift", stream_id, slices)


def _change(connection: Connection, name: str, stream_id: int, slices: Sequence[str] | None) -> int:
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS)
        named = None if slices is None else list(slices)
        cursor.execute(statement(name), {"stream_id": stream_id, "slices": named})
        changed = int(cursor.rowcount)
        connection.commit()
    return changed
