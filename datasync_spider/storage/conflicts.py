"""Same id, different content: counted and kept, since DO NOTHING would hide it.

The rule says which version is the event: ``first`` (the one that was stored first) or ``last`` (the one with the later
``occurred_at``; without times the first). The other one goes to ``event_conflicts``. Two versions that are equal as
JSON are no conflict, whatever their white space.

Invariant: runs inside the writer's transaction after its turn has come, so what earlier batches stored is visible, and
no later batch has touched the same ids.
"""

from __future__ import annotations

from typing import Literal

from datasync_spider.storage.batch import Batch
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.quarantine import stage_rows
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.sql import statement

ConflictRule = Literal["first", "last"]


def settle_conflicts(
    connection: Connection, stream: str, run_id: int, rule: ConflictRule, batch: Batch, *, has_staged: bool
) -> int:
    """Settles what the batch's duplicates contradict; gives how many versions were put aside for the first time.

    ``has_staged``: the batch's rows are in ``staged_events`` already.
    """
    variants = [variant for page in batch.pages for variant in page.variants]
    with connection.cursor() as cursor:
        if not has_staged:
            cursor.execute(statement("create_staging"))
        if variants:
            # What PostgreSQL refuses of these cannot be compared; the stored version stands.
            stage_rows(connection, Rows.of(variants))
        values = {"stream": stream, "run_id": run_id}
        cursor.execute(statement("look_up_by_key"))
        kept = 0
        if rule == "last":
            cursor.execute(statement("keep_replaced"), values)
            kept += cursor.rowcount
            cursor.execute(statement("replace_stored"))
        cursor.execute(statement("keep_newcomers"), values)
        return kept + cursor.rowcount
