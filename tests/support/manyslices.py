"""A database with as many slices as a test wants, straight into the tables, and rows that make one slice what it is."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's name for the class

_MAKE = """
WITH sources AS (
    INSERT INTO ingestion_sources (name)
    SELECT 'source-' || lpad(n::text, 2, '0') FROM generate_series(1, %(sources)s) AS n
    RETURNING source_id, name
),
streams AS (
    INSERT INTO ingestion_streams (source_id, name, is_sliced)
    SELECT source_id, name || '.stream-' || n, true FROM sources, generate_series(1, %(streams)s) AS n
    RETURNING stream_id, name
),
slices AS (
    INSERT INTO ingestion_state (stream_id, stream, slice, total_ingested, completed_at, newest_occurred_at)
    SELECT stream_id, name, '{"tenant":"' || lpad(n::text, 4, '0') || '"}', 10, now(), now() - n * INTERVAL '1 minute'
    FROM streams, generate_series(1, %(slices)s) AS n
    RETURNING id, stream, slice
)
INSERT INTO ingestion_runs (
    slice_id, stream, fence, status, reason, owner, version, pass_number, pass_kind, heartbeat_at, ended_at, inserted
)
SELECT id, stream, 1, 'complete', 'last_page', 'process 1 on crawler', '0.1.0', 1, 'full', now(), now(), 2 FROM slices
"""
_DUE = """
INSERT INTO ingestion_due (source, stream, slice, every_seconds, due_at, failures)
VALUES (%(source)s, %(stream)s, %(slice)s, 60, now() - %(late)s * INTERVAL '1 second', %(failures)s)
"""


def make_slices(connection: Connection, *, sources: int, streams: int, slices: int) -> None:
    """So many sources of so many streams of so many slices, all complete: ``source-01.stream-1 {"tenant":"0001"}``."""
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, {"sources": sources, "streams": streams, "slices": slices})


def set_run(connection: Connection, stream: str, slice_name: str, **columns: Any) -> None:
    """Of the runs of the slice."""
    named = ", ".join(f"{name} = %({name})s" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE ingestion_runs SET {named} WHERE slice_id = (SELECT id FROM ingestion_state"
            " WHERE stream = %(stream)s AND slice = %(slice)s)",
            {**columns, "stream": stream, "slice": slice_name},
        )


def set_due(connection: Connection, stream: str, slice_name: str, *, late: float = 0.0, failures: int = 0) -> None:
    """Due every minute, and for so many seconds by now; negative: not yet."""
    values = {"source": stream.partition(".")[0], "stream": stream, "slice": slice_name, "late": late}
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {**values, "failures": failures})
