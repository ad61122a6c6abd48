"""What the database says of a game that goes on: who has which slices, what was committed, and what is complete.

Invariant: it only reads. A database that is away says nothing, and is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2

from bench.machines.services import Postgres

_HELD = """
    SELECT id, lease_run_id, fence FROM ingestion_state
    WHERE lease_run_id IS NOT NULL AND lease_owner::json ->> 'host' = %s
"""
_COMMITTED = "SELECT EXISTS (SELECT FROM ingestion_pages WHERE slice_id = ANY(%s) AND run_id > %s)"
_FENCED = """
    SELECT bool_and(state.fence > held.fence)
    FROM ingestion_state AS state JOIN unnest(%s::bigint[], %s::bigint[]) AS held (id, fence) USING (id)
"""
_WRITTEN = """
    SELECT run.run_id, run.pages, (SELECT count(*) FROM ingestion_pages AS page WHERE page.run_id = run.run_id)
    FROM ingestion_runs AS run WHERE run.run_id = ANY(%s) ORDER BY 1
"""
_COMPLETE = """
    SELECT due.stream || ' ' || due.slice, count(run.run_id)
    FROM ingestion_due AS due
    LEFT JOIN ingestion_state AS state ON state.stream = due.stream AND state.slice = due.slice
    LEFT JOIN ingestion_runs AS run
        ON run.slice_id = state.id AND run.status = 'complete' AND run.started_at > to_timestamp(%s)
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a machine has under lease, at one moment: slices with their runs and fences."""

    slices: Sequence[int]
    runs: Sequence[int]
    fences: Sequence[int]
    newest_run: int

    def __bool__(self) -> bool:
        return bool(self.slices)


class Watching:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def held_by(self, machine: str) -> Held:
        try:
            rows = self._postgres.query(_HELD, [machine])
            newest = self._postgres.query("SELECT coalesce(max(run_id), 0) FROM ingestion_runs")[0][0]
        except psycopg2.Error:
            rows, newest = [], 0
        slices, runs, fences = ([row[place] for row in rows] for place in range(3))
        return Held(slices, runs, fences, newest)

    def has_gone_on(self, held: Held) -> bool:
        """Whether a later run has committed a page of one of these slices."""
        return self._is(_COMMITTED, [held.slices, held.newest_run])

    def are_fenced(self, held: Held) -> bool:
        """Whether someone else has taken over each of the slices."""
        return self._is(_FENCED, [held.slices, held.fences])

    def written_by(self, held: Held) -> list[tuple[int, ...]]:
        """Of each of the runs, the pages that it counts and those that are in the ledger."""
        return [tuple(row) for row in self._postgres.query(_WRITTEN, [held.runs])]

    def refused(self, held: Held) -> int:
        """How many of the runs have noted, after they were called lost, that they found another fence."""
        sql = "SELECT count(*) FROM ingestion_runs WHERE run_id = ANY(%s) AND status = 'fenced'"
        return int(self._postgres.query(sql, [held.runs])[0][0])

    def incomplete(self, since: float, times: int) -> list[str]:
        """Slices without so many complete runs that were begun since then."""
        return [name for name, count in self._postgres.query(_COMPLETE, [since]) if count < times]

    def stored(self) -> dict[tuple[str, str], int]:
        """How many records each slice that was begun has by now, rejected ones too."""
        try:
            rows = self._postgres.query("SELECT stream, slice, total_ingested + total_rejected FROM ingestion_state")
        except psycopg2.Error:
            # It is away, or there are no tables yet.
            rows = []
        return {(stream, name): count for stream, name, count in rows}

    def newest_run(self) -> int:
        return int(self._postgres.query("SELECT coalesce(max(run_id), 0) FROM ingestion_runs")[0][0])

    def has_committed_after(self, run: int) -> bool:
        """Whether a run that was begun after this one has committed a page."""
        return self._is("SELECT EXISTS (SELECT FROM ingestion_pages WHERE run_id > %s)", [run])

    def machines_of(self, stream: str) -> list[str]:
        """Those that have synced a slice of it."""
        sql = "SELECT DISTINCT split_part(owner, ' on ', 2) FROM ingestion_runs WHERE stream = %s ORDER BY 1"
        return [name for (name,) in self._postgres.query(sql, [stream])]

    def pages(self) -> int:
        """How many are committed; none where the database is away, or has no tables yet."""
        try:
            return int(self._postgres.query("SELECT count(*) FROM ingestion_pages")[0][0])
        except psycopg2.Error:
            return 0

    def _is(self, sql: str, values: Sequence[object]) -> bool:
        try:
            rows = self._postgres.query(sql, values)
        except psycopg2.Error:
            return False
        return bool(rows and rows[0][0])
