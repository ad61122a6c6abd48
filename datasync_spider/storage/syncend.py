"""The end of a sync in one transaction: the run's row, its lease, when the slice is due again, what is reported of it.

What each crash point leaves behind:

before it commits  the run as its last commit has left it: with a verdict, or called running. The lease names us; a
                   later run sees that this process is dead (same host) or waits for the lease to expire. The slice is
                   as due as it was, and its claim, if there is one, runs out
after it           everything; that nobody has reported it yet changes nothing

Where someone has the row that says when the slice is due, such as whoever names thousands of them, the run's end does
not wait for that: it is noted by itself afterwards (:func:`datasync_spider.storage.due.ended`), in a transaction whose
loss leaves the slice as due as it was.

Invariant: what is reported is what the rows say after their last change, and nothing is reported that is not committed.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from datasync_spider.pacing.askedwaits import Closed
from datasync_spider.storage.connection import Connection, RowCursor, limit_transaction, translated
from datasync_spider.storage.credentials import raise_waits
from datasync_spider.storage.due import SliceKey, note_end
from datasync_spider.storage.runs import OpenRun, end_run
from datasync_spider.storage.statements import statement


class Due(Struct, frozen=True):
    """The slice whose next sync follows from this one's end. ``notifies``: as :func:`~.due.ended` takes it."""

    key: SliceKey
    notifies: bool


class Finished(Struct, frozen=True):
    """``run``: what its row and its slice's say, by column name; None where there is none any more.

    ``is_noted``: when the next sync is due is set, where that follows from this one.
    """

    run: dict[str, Any] | None
    is_noted: bool

    @property
    def is_over(self) -> bool:
        """Whether the rows say how it has ended: not where another run has it, or a commit of it is still under way."""
        return self.run is not None and self.run["status"] != "running" and not self.run["holds_lease"]


def finish_sync(
    connection: Connection,
    run: OpenRun,
    status: str,
    reason: str,
    detail: str | None,
    retries: int,
    waited_ms: int,
    closed: Closed,
    due: Due | None,
) -> Finished:
    """Ends the run as :func:`~.runs.finish_run` does.

    ``due`` None: when the slice is due is not for this run to say.
    """
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        limit_transaction(connection, run.lease_ttl_ms, slice_id=run.slice.slice_id)
        end_run(cursor, run, status, reason, detail, retries, waited_ms)
        cursor.execute(statement("read_ended_run"), {"run_id": run.run_id})
        row = cursor.fetchone()
        is_noted = due is None or note_end(cursor, due.key, row or {}, notifies=due.notifies, waits=False)
        # Last, as when a run is opened: other slices wait for this row.
        raise_waits(cursor, run.waits.credential_id, closed)
        connection.commit()
    return Finished(None if row is None else dict(row), is_noted)
