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
    assert_totals_balance(database_url)


def assert_totals_balance(database_url: str) -> None:
    """State, runs, ledger and table say the same.

    The ledger has what crawls stored; what replays stored stands in their own runs, which have no pages. A dead letter
    that a replay resolved is an event now, stored by it or found stored.
    """
    stored = value(database_url, "SELECT count(*) FROM ingested_events")
    rejected = value(database_url, "SELECT count(*) FROM rejected_events WHERE replayed_at IS NULL")
    resolved = value(database_url, "SELECT count(*) FROM rejected_events WHERE replayed_at IS NOT NULL")
    assert rows(database_url, "SELECT total_ingested, total_rejected FROM ingestion_state WHERE id = 1") == [
        (stored, rejected)
    ]
    assert value(database_url, "SELECT coalesce(sum(inserted), 0) FROM ingestion_runs") == stored
    by_replays = "SELECT coalesce(sum(inserted), 0), coalesce(sum(inserted + duplicates), 0) FROM ingestion_runs"
    stored_by_replays, resolved_by_replays = rows(database_url, f"{by_replays} WHERE pass_kind = 'replay'")[0]
    assert value(database_url, "SELECT coalesce(sum(inserted), 0) FROM ingestion_pages") == stored - stored_by_replays
    assert resolved == resolved_by_replays
    unbalanced = "SELECT count(*) FROM ingestion_pages WHERE events <> inserted + duplicates + rejected + filtered"
    assert value(database_url, unbalanced) == 0
    gaps = """
        SELECT count(*) FROM (
            SELECT page_number - row_number() OVER (PARTITION BY run_id ORDER BY page_number) AS gap
            FROM ingestion_pages
        ) AS numbered WHERE gap <> 0
    """
    assert value(database_url, gaps) == 0
