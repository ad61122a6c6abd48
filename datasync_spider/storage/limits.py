"""Limits of a transaction that locks the stream's row or holds keys.

Invariant: no transaction of ours that has lost its client keeps others waiting for longer than a lease lives; the one
exception, a COPY, is ended by :mod:`datasync_spider.storage.backends`. They hold for the transaction only, so that a
pooler between us and the server hands on no setting.
"""

from __future__ import annotations

from datasync_spider.storage.connection import Connection

# For what no lease covers: each step of it is a round trip away from the next.
IDLE_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 10_000
NO_LOCK_TIMEOUT_MS = 0


def limit_transaction(
    connection: Connection, idle_timeout_ms: int, lock_timeout_ms: int = LOCK_TIMEOUT_MS, slice_id: int | None = None
) -> None:
    """Begins a transaction that waits at most so long for a lock, and ends when no one speaks for so long.

    A run's may be idle for as long as its lease lives. ``slice_id``: the slice that it writes to.
    """
    connection.begin(lock_timeout_ms=lock_timeout_ms, idle_timeout_ms=idle_timeout_ms, slice_id=slice_id)
