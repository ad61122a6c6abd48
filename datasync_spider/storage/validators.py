"""Keeps what an API knows an unchanged first page of a stream by: its ETag, or the time of its last change.

States, and what a crash in each leaves:

begun      the first page of a pass is committed, and with it its validator as the pass's (``pass_validator``); the
           slice's own (``validator``) is that of the last complete pass, whatever becomes of this one
complete   the pass's validator is the slice's, by the statement that says complete
short      the slice has none: what is unchanged proves nothing where something is missing
unmodified the API has said so of the slice's own: the pass is complete, by one transaction and without a page

Invariant: that the first page is as it was proves that the pass would find nothing new only where new records come
first, or where that page is all there is. Of no other pass a validator is kept.
"""

from __future__ import annotations

from typing import Any

from psycopg2.extras import Json

from datasync_spider.errors import FencedOff
from datasync_spider.items import EventPage
from datasync_spider.storage.batch import Batch
from datasync_spider.storage.completion import unmodified_verdict
from datasync_spider.storage.connection import Connection, limit_transaction, translated
from datasync_spider.storage.runs import OpenRun
from datasync_spider.storage.statements import statement


def keep(cursor: Any, run: OpenRun, batch: Batch) -> None:
    """That of the pass's first page, where it is in the batch. After its checkpoint."""
    found = [page.page.validator for page in batch.pages if _proves_all(run, page.page)]
    if found:
        cursor.execute(statement("keep_validator"), {**run.key, "validator": Json(found[0])})


def end_unmodified(connection: Connection, run: OpenRun) -> int:
    """Ends the run and its pass as complete: nothing has changed since the last one was. Gives what is stored.

    May be called again after a COMMIT of unknown outcome. Raises FencedOff where the slice is another run's.
    """
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, run.lease_ttl_ms)
        cursor.execute(statement("end_pass_unmodified"), run.key)
        row = cursor.fetchone()
        if row is None:
            connection.rollback()
            raise FencedOff(f"stream {run.slice} has been taken over by another run")
        verdict = unmodified_verdict()
        outcome = {"status": verdict.run_status, "reason": verdict.reason, "detail": verdict.detail}
        cursor.execute(statement("end_run_unmodified"), {"run_id": run.run_id, **outcome})
        connection.commit()
    return int(row[0])


def _proves_all(run: OpenRun, page: EventPage) -> bool:
    is_first = page.validator is not None and page.cursor is None and page.chain == 1
    return is_first and (run.is_newest_first or page.ends_pass is not None)
