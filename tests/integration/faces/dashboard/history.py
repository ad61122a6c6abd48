"""Writes runs, ledgers and dead letters of any age straight into the tables, which only the passing of time could make.

Every function takes the open connection of a test and leaves the commit to it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's name for the class
from psycopg2.extras import execute_values

from datasync_spider.sources.streamnames import NO_SLICE
from datasync_spider.storage.owner import Owner

# What an API might send to make a browser do something.
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "<svg/onload=window.hacked=3>",
    '"><iframe srcdoc="<script>parent.hacked=4</script>">',
    "</pre></script><style>*{display:none}</style>",
    "javascript:window.hacked=5",
    "{{constructor.constructor('window.hacked=6')()}}",
)
ELSEWHERE = Owner("crawler-2", "another boot", 4711, 1.0)


@dataclass(frozen=True, slots=True)
class Page:
    """One ledger row; ``at_seconds`` counts from the run's start."""

    at_seconds: float
    inserted: int = 5_000
    duplicates: int = 0
    rejected: int = 0
    fetch_ms: int = 400
    write_ms: int = 80
    waited_ms: int = 0
    attempts: int = 1


@dataclass(slots=True)
class Run:
    """A run's row and its pages. ``ended_at`` None with status running is a run that still goes on, or died unseen."""

    stream: str
    started_at: datetime
    status: str = "running"
    reason: str | None = None
    detail: str | None = None
    ended_at: datetime | None = None
    heartbeat_at: datetime | None = None
    owner: str = "process 4711 on crawler-2"
    pass_number: int = 1
    pass_kind: str = "full"
    expected_total: int | None = None
    retries: int | None = None
    pages: list[Page] = field(default_factory=list)
    slice: str = NO_SLICE


def clock(connection: Connection) -> datetime:
    """The database's time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
        assert row is not None
        now: datetime = row[0]
        return now


def add_run(connection: Connection, run: Run) -> int:
    """Inserts the run and its pages; gives its id. The counters are the sums of the pages."""
    pages = run.pages
    counters = {
        "pages": len(pages),
        "events": sum(page.inserted + page.duplicates + page.rejected for page in pages),
        "inserted": sum(page.inserted for page in pages),
        "duplicates": sum(page.duplicates for page in pages),
        "rejected": sum(page.rejected for page in pages),
        "bytes": 347 * sum(page.inserted + page.duplicates + page.rejected for page in pages),
        "retries": sum(page.attempts - 1 for page in pages) if run.retries is None else run.retries,
        "waited_ms": sum(page.waited_ms for page in pages),
    }
    values = {
        "slice_id": slice_id(connection, run.stream, run.slice),
        "stream": run.stream,
        "fence": 1,
        "status": run.status,
        "reason": run.reason,
        "detail": run.detail,
        "owner": run.owner,
        "version": "0.1.0",
        "pass_number": run.pass_number,
        "pass_kind": run.pass_kind,
        "started_at": run.started_at,
        "heartbeat_at": run.heartbeat_at or run.ended_at or clock(connection),
        "ended_at": run.ended_at,
        "expected_total": run.expected_total,
        **counters,
    }
    run_id = int(_insert(connection, "ingestion_runs", values, "run_id"))
    add_pages(connection, run_id, run, 1, pages)
    return run_id


def add_pages(connection: Connection, run_id: int, run: Run, first_number: int, pages: list[Page]) -> None:
    """The ledger rows of these pages, from this page number on."""
    number = slice_id(connection, run.stream, run.slice)
    rows = [
        (
            run_id,
            first_number + index,
            number,
            run.stream,
            run.pass_number,
            1,
            first_number + index,
            f"cursor-{first_number + index}",
            page.inserted + page.duplicates + page.rejected,
            page.inserted,
            page.duplicates,
            page.rejected,
            0,
            1_730_000,
            page.attempts,
            page.waited_ms,
            page.fetch_ms,
            page.write_ms,
            run.started_at + timedelta(seconds=page.at_seconds),
            run.started_at + timedelta(seconds=page.at_seconds),
        )
        for index, page in enumerate(pages)
    ]
    sql = """
        INSERT INTO ingestion_pages (
            run_id, page_number, slice_id, stream, pass_number, walk, batch_number, next_cursor, events, inserted,
            duplicates, rejected, filtered, bytes, attempts, waited_ms, fetch_ms, write_ms, fetched_at, committed_at
        ) VALUES %s
    """
    with connection.cursor() as cursor:
        if rows:
            execute_values(cursor, sql, rows, page_size=1_000)


def slice_id(connection: Connection, stream: str, slice_name: str = NO_SLICE) -> int:
    """The slice's number, registered where it is new. No table is made."""
    values = {"stream": stream, "slice": slice_name, "is_sliced": slice_name != NO_SLICE}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingestion_streams (source_id, name, is_sliced)"
            " SELECT source_id, %(stream)s, %(is_sliced)s FROM ingestion_sources ON CONFLICT DO NOTHING",
            values,
        )
        cursor.execute(
            "INSERT INTO ingestion_state (stream_id, stream, slice)"
            " SELECT stream_id, name, %(slice)s FROM ingestion_streams WHERE name = %(stream)s ON CONFLICT DO NOTHING",
            values,
        )
        cursor.execute("SELECT id FROM ingestion_state WHERE stream = %(stream)s AND slice = %(slice)s", values)
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def set_slice(connection: Connection, stream: str, slice_name: str, **columns: Any) -> None:
    """Makes the slice's row where it is missing, and sets these columns of it."""
    number = slice_id(connection, stream, slice_name)
    with connection.cursor() as cursor:
        if columns:
            names = ", ".join(f"{name} = %({name})s" for name in columns)
            cursor.execute(f"UPDATE ingestion_state SET {names} WHERE id = %(of)s", {**columns, "of": number})


def set_stream(connection: Connection, stream: str, **columns: Any) -> None:
    """The same of a stream without slices."""
    set_slice(connection, stream, NO_SLICE, **columns)


def lease(run_id: int, now: datetime, seconds: float, owner: Owner = ELSEWHERE) -> dict[str, Any]:
    """The columns of a lease that lasts so long from now; negative: that ended so long ago."""
    return {
        "lease_owner": owner.to_text(),
        "lease_run_id": run_id,
        "lease_acquired_at": now - timedelta(minutes=10),
        "lease_expires_at": now + timedelta(seconds=seconds),
    }


def add_rejected(connection: Connection, run_id: int, stream: str, reason: str, raw: bytes, **columns: Any) -> int:
    slice_name = columns.pop("slice", NO_SLICE)
    values = {
        "slice_id": slice_id(connection, stream, slice_name),
        "stream": stream,
        "run_id": run_id,
        "page_number": 1,
        "position": 0,
        "reason": reason,
        "raw": raw,
        "raw_sha256": hashlib.sha256(raw).digest(),
        "twin": 1,
        **columns,
    }
    return int(_insert(connection, "rejected_events", values, "rejected_id"))


def add_events(connection: Connection, count: int, newest_at: datetime, days: int, types: list[str]) -> None:
    """Plain events, spread evenly over the days before ``newest_at`` and over the types."""
    payloads = [json.dumps({"type": name, "properties": {"page": "/home"}}) for name in types]
    sql = """
        INSERT INTO ingested_events (event_id, occurred_at, payload)
        SELECT gen_random_uuid()::text,
               %(newest_at)s - n * INTERVAL '1 second' * %(days)s * 86400 / %(count)s,
               (%(payloads)s::jsonb[])[1 + n %% %(kinds)s]
        FROM generate_series(0, %(count)s - 1) AS n
    """
    with connection.cursor() as cursor:
        values = {"newest_at": newest_at, "days": days, "count": count, "payloads": payloads, "kinds": len(types)}
        cursor.execute(sql, values)


def add_hostile_history(connection: Connection) -> None:
    """Streams, runs and dead letters whose every text is hostile, and two of these that hide things and are huge."""
    now = clock(connection)
    add_run(connection, Run("events", now, "failed", "api_refused", "\n".join(HOSTILE), ended_at=now, owner=HOSTILE[1]))
    add_run(connection, Run(HOSTILE[0], now, "failed", HOSTILE[2], HOSTILE[1], ended_at=now, pages=[Page(0)]))
    set_stream(
        connection, HOSTILE[0], lease_owner=json.dumps({"host": HOSTILE[1], "scope": "", "pid": 1, "started": 1})
    )
    for number, text in enumerate(HOSTILE):
        add_rejected(connection, 1, HOSTILE[number % 2], text, f'{{"n":{number},"x":"{text}"}}'.encode(), detail=text)
    add_rejected(connection, 1, "events", "no_id", "admin\u202etxt.exe \u2066\u200b\x07".encode() + b"\xff")
    add_rejected(connection, 1, "events", "no_id", b"<script>window.hacked=7</script>" + b"A" * 1_000_000)
    add_events(connection, 40, now, 1, list(HOSTILE))


def _insert(connection: Connection, table: str, values: dict[str, Any], returning: str) -> Any:
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {returning}", values)
        row = cursor.fetchone()
        assert row is not None
        return row[0]
