"""A database that holds a whole stream, without a crawl."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg2
from psycopg2.extras import execute_values

from tests.support.database import execute_outside


def store_stream(url: str, event_ids: Sequence[str], *, pass_status: str = "complete") -> None:
    """Stores events with these ids; the totals say so, and that the pass through the feed ended in this way."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            rows = [(event_id,) for event_id in event_ids]
            execute_values(cursor, "INSERT INTO ingested_events (event_id, payload) VALUES %s", rows, "(%s, '{}')")
    finally:
        connection.close()
    _cache(url, len(event_ids), pass_status)


def store_many(url: str, count: int) -> None:
    """Stores ``count`` events with ids of the usual length as a complete stream, without having them in memory here."""
    ids = "SELECT md5(n::text) || '-abc', '{}' FROM generate_series(1, {0}) n".replace("{0}", str(count))
    execute_outside(url, f"INSERT INTO ingested_events (event_id, payload) {ids}")
    _cache(url, count, "complete")


def _cache(url: str, count: int, pass_status: str) -> None:
    recorded = f"total_ingested = {count}, pass_number = 1, pass_status = '{pass_status}'"
    execute_outside(url, f"UPDATE ingestion_state SET {recorded} WHERE id = 1")
