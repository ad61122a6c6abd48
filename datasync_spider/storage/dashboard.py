"""Reads for people who look on: streams, runs, ledger, dead letters and counts, never a change.

Invariant: every transaction here begins READ ONLY and bears a statement timeout, so that looking can neither write nor
hold the database up for long. Both are set per transaction, which a transaction-pooling proxy leaves intact.

Words, shares and estimates are made from these rows elsewhere; no row leaves with more than the head of an event's
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from datasync_spider.errors import StorageError
from datasync_spider.storage.connection import (
    NO_LOCK_TIMEOUT_MS,
    Connection,
    RowCursor,
    close_quietly,
    connect,
    translated,
)
from datasync_spider.storage.lines import LineQuestion, read_lines
from datasync_spider.storage.retrying import once_more
from datasync_spider.storage.statements import StreamTable, statement

_T = TypeVar("_T")
Row = dict[str, Any]

QUERY_CANCELED = "57014"
SCHEMA_MISSING = frozenset({"42P01", "42703"})


class ReadOnlySession:
    """One connection, made on first use and made anew after a failure. Used by one thread at a time."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: Connection | None = None

    def run(self, read: Callable[[Connection], _T], timeout_seconds: float) -> _T:
        """The result of ``read``, which runs in one read-only transaction of at most about this long a statement.

        Raises StorageUnavailable with QUERY_CANCELED where that was not enough. A connection that died while it was
        idle is replaced once.
        """
        was_open = self._connection is not None
        return once_more(
            lambda: self._attempt(read, timeout_seconds),
            lambda error: was_open and error.sqlstate != QUERY_CANCELED,
        )

    def _attempt(self, read: Callable[[Connection], _T], timeout_seconds: float) -> _T:
        try:
            if self._connection is None:
                self._connection = connect(self._database_url)
            # psycopg2 sends it with each BEGIN; the session itself is left as it was.
            self._connection.readonly = True
            with translated():
                self._connection.begin(
                    lock_timeout_ms=NO_LOCK_TIMEOUT_MS, statement_timeout_ms=round(timeout_seconds * 1000)
                )
                result = read(self._connection)
                self._connection.rollback()
        except BaseException:
            self.close()
            raise
        return result

    def close(self) -> None:
        close_quietly(self._connection)
        self._connection = None


class Overview(Struct, frozen=True):
    """Rows that were read at one instant. ``whole``: of all slices together."""

    whole: Row
    newest_runs: list[Row]
    recent: dict[int, Row]


class StreamRows(Struct, frozen=True):
    """Slices with their newest runs. ``recent`` holds the last minutes of those that run, by run id."""

    streams: list[Row]
    current_runs: dict[int, Row]
    recent: dict[int, Row]


class Chosen(Struct, frozen=True):
    """A stream, or one of its slices, by the name that a viewer gave. ``recorded``: the rows that its totals claim.

    ``slice`` None: all slices together, which is what a stream without slices is as well. ``table`` has the rows of
    what is chosen alone; None where it has not been made yet.
    """

    stream: str
    slice: str | None
    slice_ids: list[int]
    table: StreamTable | None
    recorded: int


def read_chosen(connection: Connection, stream: str, slice_name: str | None) -> Chosen | None:
    """What the names stand for; None where there is no such stream or slice."""
    rows = _all(connection, "dashboard_chosen", {"stream": stream, "slice": slice_name})
    if not rows:
        return None
    (row,) = rows
    is_one_of_many = row["is_sliced"] and slice_name is not None
    number = row["slice_ids"][0] if is_one_of_many else None
    table = StreamTable(row["table_name"], row["table_schema"], number) if row["table_name"] else None
    return Chosen(row["stream"], slice_name, row["slice_ids"], table, row["booked"])


def read_written_last(connection: Connection) -> Chosen | None:
    """The stream that was written last, with all its slices; None where there is none."""
    rows = _all(connection, "dashboard_written_last", {})
    return read_chosen(connection, rows[0]["stream"], None) if rows else None


def read_overview(connection: Connection, over: Mapping[str, str], *, max_runs: int) -> Overview:
    """What all viewers are given, of one size however many slices there are. ``over``: as of :func:`read_lines`."""
    whole = read_lines(connection, LineQuestion(limit=0), over).whole
    newest = read_runs(connection, slice_ids=None, status=None, before=None, limit=max_runs)
    running = [row["run_id"] for row in newest if row["status"] == "running"]
    return Overview(whole, newest, read_recent_pages(connection, running))


def read_streams(
    connection: Connection, *, slice_ids: list[int] | None, text: str | None, after: int, limit: int
) -> StreamRows:
    """Slices with ids above ``after`` in the order in which they were made."""
    values = {"slice_ids": slice_ids, "text": text, "after": after, "limit": limit}
    streams = _all(connection, "dashboard_streams_found", values)
    return StreamRows(streams, *_read_current(connection, streams))


def _read_current(connection: Connection, streams: list[Row]) -> tuple[dict[int, Row], dict[int, Row]]:
    run_ids = [row["newest_run_id"] for row in streams if row["newest_run_id"] is not None]
    current = {row["run_id"]: row for row in read_runs_by_id(connection, run_ids)}
    running = [row["run_id"] for row in current.values() if row["status"] == "running"]
    return current, read_recent_pages(connection, running)


def read_runs(
    connection: Connection, *, slice_ids: list[int] | None, status: str | None, before: int | None, limit: int
) -> list[Row]:
    """Runs with ids below ``before``, newest first; of all slices, or of these."""
    values = {"status": status, "before": before, "limit": limit}
    run_ids = _ids(connection, "dashboard_run_ids", "dashboard_run_ids_of_slices", slice_ids, values)
    return sorted(read_runs_by_id(connection, run_ids), key=lambda row: -int(row["run_id"]))


def read_runs_by_id(connection: Connection, run_ids: Sequence[int]) -> list[Row]:
    """Those of these runs that there are, in no order."""
    return _all(connection, "dashboard_runs_by_id", {"run_ids": list(run_ids)}) if run_ids else []


def read_recent_pages(connection: Connection, run_ids: Sequence[int]) -> dict[int, Row]:
    """What the newest ledger rows of these runs say, by run id."""
    if not run_ids:
        return {}
    rows = _all(connection, "dashboard_recent_pages", {"run_ids": list(run_ids)})
    return {row["run_id"]: row for row in rows}


def read_series(
    connection: Connection, run_id: int, *, origin: datetime, width_seconds: int, after_page: int
) -> list[Row]:
    """The run's pages behind ``after_page``, summed up in buckets of ``width_seconds`` counted from ``origin``."""
    values = {"run_id": run_id, "origin": origin, "width_seconds": width_seconds, "after_page": after_page}
    return _all(connection, "dashboard_series", values)


def read_rejected_groups(connection: Connection, limit: int) -> list[Row]:
    """How many dead letters each slice has for each reason, the largest groups first."""
    return _all(connection, "dashboard_rejected_groups", {"limit": limit})


def read_rejected(
    connection: Connection,
    *,
    slice_ids: list[int] | None,
    reason: str | None,
    before: int | None,
    limit: int,
    limit_bytes: int,
) -> list[Row]:
    """Dead letters with ids below ``before``, newest first, each with its first ``limit_bytes`` as ``head``."""
    values = {"reason": reason, "before": before, "limit": limit}
    found = _ids(connection, "dashboard_dead_letter_ids", "dashboard_dead_letter_ids_of_slices", slice_ids, values)
    heads = {"rejected_ids": found, "limit_bytes": limit_bytes, "limit_chars": limit_bytes}
    rows = _all(connection, "dashboard_dead_letters_by_id", heads) if found else []
    return [{**row, "head": bytes(row["head"])} for row in rows]


def _ids(connection: Connection, of_all: str, of_slices: str, slice_ids: list[int] | None, values: Row) -> list[int]:
    if slice_ids is None:
        rows = _all(connection, of_all, values)
    else:
        rows = _all(connection, of_slices, {**values, "slice_ids": slice_ids})
    return [next(iter(row.values())) for row in rows]


class EventCounts(Struct, frozen=True):
    """Rows of ``kind`` all, day and type, counted in ``percent`` of the table."""

    percent: float
    rows: list[Row]


def count_events(
    connection: Connection,
    table: StreamTable,
    *,
    since: datetime | None,
    until: datetime | None,
    max_bytes: int,
    limit: int,
) -> EventCounts:
    """Counts events by day and by type in about ``max_bytes`` of the table: all of it where it is no larger."""
    (size,) = _all(connection, "dashboard_events_size", {"schema": table.schema, "name": table.name})
    percent = 100.0 if (size["bytes"] or 0) <= max_bytes else 100.0 * max_bytes / size["bytes"]
    values = {"percent": percent, "since": since, "until": until, "limit": limit}
    return EventCounts(percent, _all(connection, "dashboard_events_counts", values, table))


def is_timeout(error: StorageError) -> bool:
    """Whether the statement was ended because it took too long."""
    return error.sqlstate == QUERY_CANCELED


def is_schema_missing(error: StorageError) -> bool:
    """Whether the tables are not there, or not those of this version."""
    return error.sqlstate in SCHEMA_MISSING


def _all(connection: Connection, name: str, values: Row, table: StreamTable | None = None) -> list[Row]:
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(table.statement(name) if table else statement(name), values)
        return [dict(row) for row in cursor.fetchall()]
