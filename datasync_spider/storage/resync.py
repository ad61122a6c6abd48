"""Begins a full pass in the midst of a run: the API has forgotten what the stream's position goes on from.

States, and what a crash in each leaves:

asked      the API's answer is there, and what was fetched before it is committed: position and floor are as they were,
           the next run asks with them and is answered in the same way
begun      one transaction has begun the pass, with neither position nor floor nor validator, and the run's row is of
           that pass: the next run goes on in it, from the stream's beginning

Invariant: nothing that is stored is touched; what the pass meets again is recognised.
"""

from __future__ import annotations

from msgspec.structs import replace

from datasync_spider.errors import FencedOff
from datasync_spider.storage.connection import Connection, limit_transaction, translated
from datasync_spider.storage.resume import FULL
from datasync_spider.storage.runs import OpenRun, begin_pass, lock_slice
from datasync_spider.storage.statements import statement

NOTE = "the API asked for a sync from the beginning, so position and floor were given up"


def begin_anew(connection: Connection, run: OpenRun) -> OpenRun:
    """The run as it goes on. May be called again after a COMMIT of unknown outcome.

    Raises FencedOff where the slice is another run's.
    """
    number = run.resume.pass_number + 1
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, run.lease_ttl_ms)
        state = lock_slice(cursor, run.slice)
        if state is None or (state.fence, state.lease_run_id) != (run.fence, run.run_id):
            connection.rollback()
            raise FencedOff(f"stream {run.slice} has been taken over by another run")
        resume = begin_pass(cursor, run.slice, number, FULL, run.since, None, run.deletions)
        cursor.execute(statement("forget_validator"), run.key)
        cursor.execute(statement("name_pass_of_run"), {**run.key, "pass_number": number, "pass_kind": FULL})
        connection.commit()
    resume = replace(resume, newest_ms=run.resume.newest_ms, total_ingested=state.total_ingested)
    return replace(run, resume=resume, note=NOTE)
