"""What the ledger and the runs' table tell, for tests that watch a crawl from outside."""

from __future__ import annotations

from tests.support.database import rows, value


def committed_pages(database_url: str) -> int:
    return int(value(database_url, "SELECT count(*) FROM ingestion_pages"))


def last_run(database_url: str) -> tuple[str, str]:
    """Status and reason of the newest run."""
    status, reason = rows(database_url, "SELECT status, reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0]
    return status, reason
