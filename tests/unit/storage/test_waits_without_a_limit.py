"""Who waits for a lock without a limit, and what ends that wait instead."""

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


def test_whoever_waits_for_a_lock_without_a_limit_has_a_reason() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"NO_LOCK_TIMEOUT_MS|lock_timeout_ms=0\b", path.read_text(encoding="utf-8"))
    }
    assert found == set(WAIT)
