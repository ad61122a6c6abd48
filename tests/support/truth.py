"""Compares the database with what the mock says that it serves: the oracle outside the process under test."""

from __future__ import annotations

import json

from tests.support.database import rows, value
from tests.support.mock import ground_truth


def assert_exact(database_url: str, total: int, *arguments: str) -> None:
    """Every event of the mock is stored once, with its very content and time, and nothing else is."""
    truth = ground_truth("--total", str(total), *arguments)
    assert len(truth) == total
    stored = dict(rows(database_url, "SELECT event_id, payload::text FROM ingested_events"))
    assert len(stored) == value(database_url, "SELECT count(*) FROM ingested_events")
    assert stored.keys() == {event["id"] for event in truth}
    for event in truth:
        assert json.loads(stored[event["id"]]) == event
    assert value(database_url, "SELECT count(*) FROM ingested_events WHERE occurred_at IS NULL") == 0
    assert_books_balance(database_url)


def assert_books_balance(database_url: str) -> None:
    """State, runs, ledger and table say the same."""
    stored = value(database_url, "SELECT count(*) FROM ingested_events")
    rejected = value(database_url, "SELECT count(*) FROM rejected_events")
    assert rows(database_url, "SELECT total_ingested, total_rejected FROM ingestion_state WHERE id = 1") == [
        (stored, rejected)
    ]
    assert value(database_url, "SELECT coalesce(sum(inserted), 0) FROM ingestion_pages") == stored
    assert value(database_url, "SELECT coalesce(sum(inserted), 0) FROM ingestion_runs") == stored
    unbalanced = "SELECT count(*) FROM ingestion_pages WHERE events <> inserted + duplicates + rejected + filtered"
    assert value(database_url, unbalanced) == 0
    gaps = """
        SELECT count(*) FROM (
            SELECT page_number - row_number() OVER (PARTITION BY run_id ORDER BY page_number) AS gap FROM
            ingestion_pages
        ) AS numbered WHERE gap <> 0
    """
    assert value(database_url, gaps) == 0
