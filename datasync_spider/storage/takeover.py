"""Takes slices from processes that are known to be dead, on machines of which this one knows nothing.

A lease of another machine's process is waited for until it has run out. Whoever knows better, since the worker that
has started the process is gone, raises the fence here. States, and what a crash in each leaves (one transaction):

locked     the slices' rows are ours: no run of them begins or commits
fenced     the fences are raised, the leases free, the runs called lost, and what they are still writing is ended
committed  the next run begins at once. A process that was not dead after all fails at its next checkpoint, as fenced

Invariant: nothing is taken from another process than those of the bundle that is named, so a slice that someone else
has taken over meanwhile stays theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasync_spider.storage.backends import end_backends_of_slices
from datasync_spider.storage.connection import (
    IDLE_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    Connection,
    RowCursor,
    limit_transaction,
    translated,
)
from datasync_spider.storage.owner import parse_owner
from datasync_spider.storage.statements import statement


def take_over(connection: Connection, bundle: str, slices: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Frees those of the slices, each with its stream before it, that a process of the bundle holds; gives these.

    Raises StorageUnavailable where a row stays locked by someone.
    """
    streams, names = [stream for stream, _ in slices], [name for _, name in slices]
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS, LOCK_TIMEOUT_MS)
        cursor.execute(statement("lock_leased_slices"), {"streams": streams, "slices": names})
        held = [row for row in cursor.fetchall() if _is_of(row["lease_owner"], bundle)]
        if held:
            ids = [row["id"] for row in held]
            cursor.execute(statement("raise_fences"), {"slice_ids": ids})
            lost = {"run_id": 0, "reason": "lost", "detail": "the worker that has started it is gone"}
            cursor.execute(statement("supersede_runs"), {**lost, "slice_ids": ids})
            end_backends_of_slices(connection, ids)
        connection.commit()
    return [(row["stream"], row["slice"]) for row in held]


def _is_of(owner_text: str, bundle: str) -> bool:
    owner = parse_owner(owner_text)
    return owner is not None and bundle != "" and owner.bundle == bundle
