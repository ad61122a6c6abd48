"""Runs of many machines, straight into the tables, as their processes would have left them."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's name for the class

from datasync_spider.storage.owner import Owner


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process has of slices. ``heard``: so many seconds ago; its lease lasts for ``lease`` seconds since then.

    ``reason``: how the run has ended, so many minutes ago; None: it has not.
    """

    host: str
    worker: str = ""
    slices: int = 1
    heard: float = 1.0
    lease: float = 30.0
    reason: str | None = None
    ended_minutes: float = 1.0
    inserted: int = 10

    @property
    def owner(self) -> Owner:
        return Owner(self.host, "another boot", 4711, 1.0, "bundle" if self.worker else "", self.worker)


_RUN = """
INSERT INTO ingestion_runs (
    slice_id, stream, fence, status, reason, owner, version, pass_number, pass_kind, started_at, heartbeat_at, ended_at,
    inserted
)
SELECT id, stream, 2, %(status)s, %(reason)s, %(owner)s, '0.1.0', 2, 'incremental', now() - INTERVAL '2 hours',
       coalesce(ended_at, now()) - %(heard)s * INTERVAL '1 second', ended_at, %(inserted)s
FROM ingestion_state, (SELECT now() - %(ended)s * INTERVAL '1 minute' AS ended_at) AS at WHERE id = %(slice_id)s
RETURNING run_id
"""
_LEASE = """
UPDATE ingestion_state
SET lease_owner = %(text)s, lease_run_id = %(run_id)s, lease_acquired_at = now(),
    lease_expires_at = now() + (%(lease)s - %(heard)s) * INTERVAL '1 second'
WHERE id = %(slice_id)s
"""


def add_machines(connection: Connection, *machines: Ran) -> None:
    """Each has the next slices of those that there are, which must be enough for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM ingestion_state WHERE slice <> '{}' ORDER BY id")
        free = iter([number for (number,) in cursor.fetchall()])
        for ran in machines:
            status = "running" if ran.reason is None else "failed" if ran.reason == "lost" else "complete"
            for _ in range(ran.slices):
                values = {
                    "slice_id": next(free),
                    "status": status,
                    "reason": ran.reason,
                    "owner": str(ran.owner),
                    "text": ran.owner.to_text(),
                    "heard": ran.heard if ran.reason in (None, "lost") else 0,
                    "ended": None if ran.reason is None else ran.ended_minutes,
                    "inserted": ran.inserted,
                    "lease": ran.lease,
                }
                cursor.execute(_RUN, values)
                (run_id,) = cursor.fetchone() or (None,)
                if ran.reason is None:
                    cursor.execute(_LEASE, {**values, "run_id": run_id})
