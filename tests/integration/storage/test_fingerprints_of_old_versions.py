"""A stream that version 0.2.0 has stored goes on: its fingerprint is brought along to the words of a file."""

from __future__ import annotations

import json
from pathlib import Path

from datasync_spider.sync.plan import fingerprint
from tests.support.database import execute_outside, value
from tests.support.sources import EVENTS_STREAM

MIGRATION = Path(__file__).parents[3] / "migrations" / "0014_fingerprints.sql"
# As version 0.2.0 wrote it.
OLD = {"records": "data or events", "id": "id or eventId or event_id", "order": "newest-first", "next": "nextCursor"}


def test_the_fingerprint_of_0_2_0_becomes_that_of_the_built_in_file(database_url: str) -> None:
    execute_outside(database_url, f"UPDATE ingestion_streams SET fingerprint = '{json.dumps(OLD)}'::jsonb")
    execute_outside(database_url, MIGRATION.read_text(encoding="utf-8"))
    assert value(database_url, "SELECT fingerprint FROM ingestion_streams") == fingerprint(EVENTS_STREAM)


def test_one_of_another_stream_stays_as_it_is(database_url: str) -> None:
    other = {**OLD, "next": "link:next to url"}
    execute_outside(database_url, f"UPDATE ingestion_streams SET fingerprint = '{json.dumps(other)}'::jsonb")
    execute_outside(database_url, MIGRATION.read_text(encoding="utf-8"))
    assert value(database_url, "SELECT fingerprint FROM ingestion_streams") == other
