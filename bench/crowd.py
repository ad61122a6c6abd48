"""Databases of one stream and of many of the same size, as a thousand runs each would have left them.

Invariant: whatever is here passes `scrapy verify`. The streams have run in turns, so that what belongs to one lies
between what belongs to the others.
"""

from __future__ import annotations

import psycopg2

from bench.streams import stream_spec
from datasync_spider.storage.connection import connect
from datasync_spider.storage.registry import StreamSpec, register

MEASURED = "s1"
SLICED = "sliced"
_EVENTS_A_RUN = 2

_RUNS = """
INSERT INTO ingestion_runs (
    slice_id, stream, fence, status, reason, owner, version, pass_number, pass_kind, started_at, heartbeat_at, ended_at,
    pages, events, inserted, rejected, bytes, expected_total
)
SELECT id, stream, number, 'complete', 'last_page', 'process 1 on crawler', '0.2.0', number,
       CASE number WHEN 1 THEN 'full' ELSE 'incremental' END, at, at + INTERVAL '1 minute', at + INTERVAL '1 minute',
       1, %(a_run)s + is_bad, %(a_run)s, is_bad, 1000 * (%(a_run)s + is_bad), NULL
FROM generate_series(1, %(runs)s) AS number
CROSS JOIN (SELECT id, stream FROM ingestion_state WHERE stream LIKE %(streams)s ORDER BY id) AS slice
CROSS JOIN LATERAL (
    SELECT TIMESTAMPTZ '2026-01-01 UTC' + number * INTERVAL '1 hour' AS at, (number <= %(letters)s)::int AS is_bad
) AS made
ORDER BY number, id
"""
_PAGES = """
INSERT INTO ingestion_pages (
    run_id, page_number, slice_id, stream, pass_number, walk, batch_number, cursor, next_cursor, events, inserted,
    duplicates, rejected, filtered, bytes, attempts, waited_ms, fetch_ms, write_ms, fetched_at, committed_at
)
SELECT run_id, 1, slice_id, stream, pass_number, 1, 1, NULL, NULL, events, inserted, 0, rejected, 0, bytes, 1, 0, 20, 5,
       started_at, ended_at
FROM ingestion_runs WHERE stream LIKE %(streams)s ORDER BY run_id
"""
_DEAD_LETTERS = """
INSERT INTO rejected_events (
    slice_id, stream, run_id, page_number, position, reason, detail, raw, raw_sha256, twin, rejected_at
)
SELECT slice_id, stream, run_id, 1, 0, 'no_id', 'no id', convert_to('{"n":' || run_id || '}', 'UTF8'),
       sha256(convert_to('{"n":' || run_id || '}', 'UTF8')), 1, ended_at
FROM ingestion_runs WHERE rejected > 0 AND stream LIKE %(streams)s ORDER BY run_id
"""
_EVENTS = """
INSERT INTO {table} ({columns}, ingested_at)
SELECT {slice} 'id-' || to_char(number, 'FM00000000'), at, '{{"type":"click"}}'::jsonb, at
FROM generate_series(1, %(events)s) AS number
CROSS JOIN LATERAL (
    SELECT TIMESTAMPTZ '2026-01-01 01:00:30 UTC' + (number - 1) / %(a_run)s * INTERVAL '1 hour' AS at
) AS made
"""
_TOTALS = """
UPDATE ingestion_state SET
    total_ingested = %(events)s, total_rejected = %(letters)s, pass_number = %(runs)s, pass_kind = 'incremental',
    pass_status = 'complete', fence = %(runs)s, updated_at = TIMESTAMPTZ '2026-02-01 UTC' + id * INTERVAL '1 second',
    completed_at = now(), walk = 1, checkpoint_page = 1,
    oldest_occurred_at = TIMESTAMPTZ '2026-01-01 01:00:30 UTC', oldest_event_id = 'id-00000001',
    newest_occurred_at = TIMESTAMPTZ '2026-01-01 01:00:30 UTC' + (%(runs)s - 1) * INTERVAL '1 hour',
    newest_event_id = 'id-' || to_char(%(events)s, 'FM00000000')
WHERE stream LIKE %(streams)s
"""


def gather(url: str, *, streams: int, runs: int, dead_letters: int, slices: int) -> None:
    """Fills a migrated, empty database: ``runs`` runs of each stream, and a stream that has so many slices besides.

    Equal ids in all of them. Each stream has ``dead_letters`` dead letters, at most one a run.
    """
    names = [f"s{number}" for number in range(1, streams + 1)]
    _fill(url, [stream_spec(name) for name in names], "s%", runs, dead_letters)
    if slices:
        specs = [stream_spec(SLICED, slice_name=f'{{"tenant":{number}}}') for number in range(1, slices + 1)]
        _fill(url, specs, SLICED, 2, 1)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        # As autovacuum would have left it by the time that someone looks.
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def _fill(url: str, specs: list[StreamSpec], streams: str, runs: int, dead_letters: int) -> None:
    values = {"streams": streams, "runs": runs, "letters": dead_letters, "a_run": _EVENTS_A_RUN}
    values["events"] = runs * _EVENTS_A_RUN
    connection = connect(url)
    try:
        for spec in specs:
            slice_ = register(connection, spec)
            with connection.cursor() as cursor:
                cursor.execute(
                    _EVENTS.format(
                        table=slice_.table,
                        columns=("slice_id, " if spec.is_sliced else "") + "event_id, occurred_at, payload",
                        slice=f"{slice_.slice_id}," if spec.is_sliced else "",
                    ),
                    values,
                )
            connection.commit()
        with connection.cursor() as cursor:
            for statement in (_RUNS, _PAGES, _DEAD_LETTERS, _TOTALS):
                cursor.execute(statement, values)
        connection.commit()
    finally:
        connection.close()
