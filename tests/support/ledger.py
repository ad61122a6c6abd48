"""What the ledger and the runs' table say, for tests that watch a crawl from outside."""

from __future__ import annotations

import psycopg2

from tests.support.database import rows, value
from tests.support.waiting import eventually


def committed_pages(database_url: str) -> int:
    return int(value(database_url, "SELECT count(*) FROM ingestion_pages"))


def wait_for_pages(database_url: str, count: int) -> None:
    """Until so many pages are committed; a server that is starting, or has no tables yet, has none."""

    def enough() -> bool:
        try:
            return committed_pages(database_url) >= count
        except psycopg2.Error:
            return False

    eventually(enough, what=f"{count} committed pages")


def last_run(database_url: str) -> tuple[str, str]:
    """Status and reason of the newest run."""
    status, reason = rows(database_url, "SELECT status, reason FROM ingestion_runs ORDER BY run_id DESC LIMIT 1")[0]
    return status, reason
