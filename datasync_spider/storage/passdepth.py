"""How deep the open pass of a stream is, for a chain that has lost its cursor. Reads only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.connection import Connection, translated, us_of
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.statements import statement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PassDepth(Struct, frozen=True):
    """How far the open pass has come, epoch milliseconds.

    ``oldest_ms``: its oldest event, None where a time says nothing about what lies behind it: the feed was not newest
    first, or what was met has to be counted from the head on, or the run that asks is a backfill. ``newest_ms``: the
    newest event of the whole slice. ``accounted``: all its events, stored or rejected. ``floor_us``: up to there all is
    stored, in microseconds.
    """

    oldest_ms: int | None
    newest_ms: int | None
    accounted: int
    floor_us: int | None = None


def read_pass_depth(connection: Connection, slice_: Slice) -> PassDepth:
    """What is committed of the open pass."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_pass_depth"), {"slice_id": slice_.slice_id})
        oldest_at, says_all, newest_at, accounted, floor_at = slice_row(cursor.fetchone(), slice_)
        connection.rollback()
    oldest_ms = epoch_ms(oldest_at) if says_all else None
    return PassDepth(oldest_ms, epoch_ms(newest_at), accounted, us_of(floor_at))


def slice_row(row: tuple[Any, ...] | None, slice_: Slice) -> tuple[Any, ...]:
    """The row. Raises StorageRefused where the slice has none."""
    if row is None:
        raise StorageRefused(f"stream {slice_} has no row in ingestion_state")
    return row


def epoch_ms(instant: datetime | None) -> int | None:
    """Whole milliseconds since 1970, those before the instant: in whole numbers, which hold for all years."""
    return None if instant is None else (instant - _EPOCH) // timedelta(milliseconds=1)
