"""Who waits for a lock without a limit, and what ends that wait instead; and what nothing else would end."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "datasync_spider"
WAIT = {
    "commands/migrate.py": "a watch over the connection says who holds what, and ends it",
    "fleet/starting.py": "the same",
    "storage/connection.py": "it is defined there",
    "storage/dashboard.py": "the statement's own limit",
    "storage/migrate.py": "for another process that migrates, which has limits of its own; the watch over a start",
    "storage/runs.py": "for a run that is about to begin or end, which has limits of its own; the watch over a start",
}


def files_with(pattern: str, suffix: str = "py") -> set[str]:
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob(f"*.{suffix}")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


def test_whoever_waits_for_a_lock_without_a_limit_has_a_reason() -> None:
    assert files_with(r"NO_LOCK_TIMEOUT_MS|lock_timeout_ms=0\b") == set(WAIT)


def test_no_connection_is_made_that_begins_transactions_without_our_limits() -> None:
    # The second one begins none.
    assert files_with(r"psycopg2\.connect\(") == {"storage/connection.py", "storage/givenpath.py"}


def test_no_lock_is_a_sessions() -> None:
    """It would stay on a pooler's connection, and outlive the transaction that needs it."""
    assert files_with(r"pg_(try_)?advisory_(lock|unlock)", "sql") == set()
