"""Compares the tables with what the mock says that it served. Knows nothing of the pipeline's code.

Of each stream by itself: every served event must be stored once with its content, or kept among the rejected with its
very bytes, never both, never neither and never twice; nothing else may be there, such as another stream's event of that
id. One without an id must be kept as often as it was served. And at any time, complete or not, the totals must balance.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream, or a slice of one, as an operator names it. ``edition``: which of the feeds with equal ids it reads."""

    name: str = "events"
    slice: str | None = None
    edition: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.slice or ''}".strip()


EVENTS = Stream()


def served(total: int, seed: int, malformed_density: float | None, edition: int = 0) -> list[bytes]:
    """The raw events of the feed, newest first, as the mock computes them in a process of its own."""
    command = [sys.executable, "-m", "mock_api", "events", "--total", str(total), "--seed", str(seed)]
    command += ["--edition", str(edition)]
    if malformed_density is not None:
        command += ["--malformed", str(malformed_density)]
    return subprocess.run(command, cwd=_PROJECT, capture_output=True, check=True).stdout.splitlines()


def compare(database_url: str, truth: list[bytes], stream: Stream = EVENTS) -> Findings:
    """All checks on one stream that says that it is complete, whatever else there is in its database."""
    findings = Findings(events=len(truth))
    with _snapshot(database_url) as cursor:
        totals = [each for each in _all_totals(cursor) if (each.stream, each.slice) == (stream.name, stream.slice)]
        findings.check(len(totals) == 1, f"the registry has {stream} {len(totals)} times")
        for found in totals:
            cursor.execute(f"SELECT event_id, payload::text FROM {found.rows}")
            rows = cursor.fetchall()
            stored: dict[str, str] = dict(rows)
            findings.check(len(stored) == len(rows), f"{stream}: an id is stored twice")
            cursor.execute("SELECT raw FROM rejected_events WHERE slice_id = %s", [found.slice_id])
            rejected = Counter(bytes(raw) for (raw,) in cursor.fetchall())
            _compare_events(findings, truth, stored, rejected)
            _check_totals(findings, cursor, found)
            findings.stored, findings.rejected = len(stored), rejected.total()
    findings.wrong = [f"{stream}: {finding}" for finding in findings.wrong]
    return findings


def compare_totals(database_url: str) -> Findings:
    """What must hold between the tables at every moment, of each stream by itself, whatever became of its last run."""
    findings = Findings()
    with _snapshot(database_url) as cursor:
        cursor.execute("SELECT to_regclass('ingestion_streams') IS NOT NULL")
        # Before that the migrations are not through, and there is nothing to balance.
        if cursor.fetchone() == (True,):
            for totals in _all_totals(cursor):
                _check_totals(findings, cursor, totals)
            _check_owners(findings, cursor)
    return findings


@dataclass(frozen=True, slots=True)
class _Totals:
    """A slice as the registry has it. ``rows``: its rows, to be put behind FROM."""

    slice_id: int
    stream: str
    slice: str | None
    rows: str

    def __str__(self) -> str:
        return f"{self.stream} {self.slice or ''}".strip()


@contextmanager
def _snapshot(database_url: str) -> Iterator[Any]:
    """A cursor that sees one instant, since others may be at work."""
    connection = psycopg2.connect(database_url)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _all_totals(cursor: Any) -> list[_Totals]:
    cursor.execute(
        "SELECT slice.id, stream.name, slice.slice, format('%I', stream.table_name), stream.is_sliced"
        " FROM ingestion_state AS slice JOIN ingestion_streams AS stream USING (stream_id)"
        " WHERE stream.table_name IS NOT NULL ORDER BY slice.id"
    )
    return [
        _Totals(
            number, stream, slice_ if is_sliced else None, f"{table} WHERE slice_id = {number}" if is_sliced else table
        )
        for number, stream, slice_, table, is_sliced in cursor.fetchall()
    ]


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


def _check_totals(findings: Findings, cursor: Any, totals: _Totals) -> None:
    def value(sql: str) -> int:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])

    def check(holds: bool, message: str) -> None:
        findings.check(holds, f"{totals}: {message}")

    own = f"slice_id = {totals.slice_id}"
    state = f"FROM ingestion_state WHERE id = {totals.slice_id}"
    rows = value(f"SELECT count(*) FROM {totals.rows}")
    dead = value(f"SELECT count(*) FROM rejected_events WHERE {own}")
    inserted = "SELECT coalesce(sum(inserted), 0) FROM"
    check(value(f"SELECT total_ingested {state}") == rows, "state and table differ")
    check(value(f"SELECT total_rejected {state}") == dead, "rejected totals differ")
    check(value(f"{inserted} ingestion_pages WHERE {own}") == rows, "ledger and table differ")
    check(value(f"{inserted} ingestion_runs WHERE {own}") == rows, "runs and table differ")
    unbalanced = "events <> inserted + duplicates + rejected + filtered"
    check(value(f"SELECT count(*) FROM ingestion_pages WHERE {own} AND {unbalanced}") == 0, "a page does not add up")
    gaps = (
        "SELECT count(*) FROM (SELECT page_number - row_number() OVER (PARTITION BY run_id ORDER BY page_number) AS gap"
        f" FROM ingestion_pages WHERE {own}) AS numbered WHERE gap <> 0"
    )
    check(value(gaps) == 0, "the ledger has a gap")
    late = (
        "SELECT count(*) FROM ingestion_pages AS page JOIN ingestion_runs AS run"
        " ON run.slice_id = page.slice_id AND run.run_id > page.run_id AND page.committed_at > run.started_at"
        f" WHERE page.{own}"
    )
    check(value(late) == 0, "a run wrote after another had taken over")


def _check_owners(findings: Findings, cursor: Any) -> None:
    """What a run has written is of the run's own slice, and nothing is of a slice that there is not."""
    for table in ("ingestion_pages", "rejected_events", "event_conflicts"):
        cursor.execute(
            f"SELECT count(*) FROM {table} AS written LEFT JOIN ingestion_runs AS run USING (run_id)"
            " WHERE run.slice_id IS DISTINCT FROM written.slice_id"
        )
        findings.check(cursor.fetchone() == (0,), f"{table} holds what another stream's run has written")
    cursor.execute(
        "SELECT DISTINCT format('%I', table_name) FROM ingestion_streams WHERE is_sliced AND table_name IS NOT NULL"
    )
    for (table,) in cursor.fetchall():
        cursor.execute(
            f"SELECT count(*) FROM {table} AS stored LEFT JOIN ingestion_state AS state ON state.id = stored.slice_id"
            f" LEFT JOIN ingestion_streams AS stream USING (stream_id) WHERE stream.table_name IS DISTINCT FROM %s",
            [table.strip('"')],
        )
        findings.check(cursor.fetchone() == (0,), f"{table} holds rows of no slice of its stream")
