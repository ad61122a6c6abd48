"""Compares the tables with what the mock says that it served. Knows nothing of the pipeline's code.

Every served event must be stored once with its content, or kept among the rejected with its very bytes, never both,
never neither and never twice; nothing else may be there. One without an id must be kept as often as it was served. And
at any time, complete or not, the books must balance.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2

_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Findings:
    """What was compared, and what was wrong."""

    events: int = 0
    stored: int = 0
    rejected: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, message: str) -> None:
        if not holds:
            self.wrong.append(message)


def served(total: int, seed: int, malformed_density: float | None) -> list[bytes]:
    """The raw events of the feed, newest first, as the mock computes them in a process of its own."""
    command = [sys.executable, "-m", "mock_api", "events", "--total", str(total), "--seed", str(seed)]
    if malformed_density is not None:
        command += ["--malformed", str(malformed_density)]
    return subprocess.run(command, cwd=_PROJECT, capture_output=True, check=True).stdout.splitlines()


def compare(database_url: str, truth: list[bytes]) -> Findings:
    """All checks on one database whose stream says that it is complete."""
    findings = Findings(events=len(truth))
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id, payload::text FROM ingested_events")
            stored: dict[str, str] = dict(cursor.fetchall())
            cursor.execute("SELECT raw FROM rejected_events")
            rejected = Counter(bytes(raw) for (raw,) in cursor.fetchall())
            _compare_events(findings, truth, stored, rejected)
            _check_books(findings, cursor)
    finally:
        connection.close()
    findings.stored, findings.rejected = len(stored), rejected.total()
    return findings


def compare_books(database_url: str) -> Findings:
    """What must hold between the tables whenever no run is at work, whatever became of the last one."""
    findings = Findings()
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('event_conflicts') IS NOT NULL")
            # Before that the migrations are not through, and there is nothing to balance.
            if cursor.fetchone() == (True,):
                _check_books(findings, cursor)
    finally:
        connection.close()
    return findings


def _compare_events(findings: Findings, truth: list[bytes], stored: dict[str, str], rejected: Counter[bytes]) -> None:
    unseen_ids = set(stored)
    unseen_raw = set(rejected)
    often = {raw: count - served for raw, served in Counter(truth).items() if (count := rejected[raw]) > served}
    findings.check(not often, f"{len(often)} events were rejected more often than they were served: {list(often)[:3]}")
    rarely = [raw for raw, served in Counter(truth).items() if _id_of(_parse(raw)) is None and rejected[raw] < served]
    findings.check(not rarely, f"{len(rarely)} events without an id were rejected less often than served: {rarely[:3]}")
    for raw in truth:
        event = _parse(raw)
        event_id = _id_of(event)
        is_rejected = raw in rejected
        is_stored = event_id in stored and _same(event, stored[event_id])
        findings.check(is_stored or is_rejected, f"lost: {raw[:120]!r}")
        findings.check(not (is_stored and is_rejected), f"both stored and rejected: {raw[:120]!r}")
        if is_stored and event_id is not None:
            unseen_ids.discard(event_id)
        unseen_raw.discard(raw)
    findings.check(not unseen_ids, f"stored but never served like this: {sorted(unseen_ids)[:3]}")
    findings.check(not unseen_raw, f"rejected but never served: {list(unseen_raw)[:3]}")


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _id_of(event: Any) -> str | None:
    if not isinstance(event, dict):
        return None
    found = next((event[name] for name in ("id", "eventId", "event_id") if event.get(name) is not None), None)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None


def _same(event: Any, stored: str) -> bool:
    return bool(event == json.loads(stored, parse_float=Decimal))


def _check_books(findings: Findings, cursor: Any) -> None:
    def value(sql: str) -> int:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])

    rows = value("SELECT count(*) FROM ingested_events")
    dead = value("SELECT count(*) FROM rejected_events")
    findings.check(value("SELECT total_ingested FROM ingestion_state WHERE id = 1") == rows, "state and table differ")
    findings.check(value("SELECT total_rejected FROM ingestion_state WHERE id = 1") == dead, "rejected totals differ")
    findings.check(value("SELECT coalesce(sum(inserted), 0) FROM ingestion_pages") == rows, "ledger and table differ")
    findings.check(value("SELECT coalesce(sum(inserted), 0) FROM ingestion_runs") == rows, "runs and table differ")
    unbalanced = "SELECT count(*) FROM ingestion_pages WHERE events <> inserted + duplicates + rejected + filtered"
    findings.check(value(unbalanced) == 0, "a page does not add up")
    gaps = (
        "SELECT count(*) FROM (SELECT page_number - row_number() OVER (PARTITION BY run_id ORDER BY page_number) AS gap"
        " FROM ingestion_pages) AS numbered WHERE gap <> 0"
    )
    findings.check(value(gaps) == 0, "the ledger has a gap")
    late = (
        "SELECT count(*) FROM ingestion_pages AS page JOIN ingestion_runs AS run"
        " ON run.stream = page.stream AND run.run_id > page.run_id AND page.committed_at > run.started_at"
    )
    findings.check(value(late) == 0, "a run wrote after another had taken over")
