"""Ends server processes that no one speaks to any more, and that hold what we need.

A connection can be lost on our side alone: a middlebox cut it, or its process is frozen in the middle of a COPY. The
server then waits for the rest of the transaction, for hours, and keeps the keys that it has inserted. Neither a lock
timeout nor ``idle_in_transaction_session_timeout`` ends that.

So each transaction that writes to a slice says so by a lock that nothing else takes for itself. Whoever has taken the
slice's lease, and does not write yet, may end all that write to it: a connection may serve many slices, and what it
does now is what counts. Whoever has lost a connection may end what is left of it, which he knows by its label. None of
them can commit anything any more. Invariant: no process of anyone else is ever ended, and being unable to is no
error: the locks are waited for then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import psycopg2

from datasync_spider.errors import StorageError
from datasync_spider.storage.connection import Connection, translate, translated
from datasync_spider.storage.runs import Hold
from datasync_spider.storage.statements import statement

logger = logging.getLogger(__name__)


def end_lost_backends(connection: Connection, lost_label: str) -> None:
    """Ends the backends with this label, except the connection's own."""
    _end(connection, "end_lost_backends", {"label": lost_label})


def end_backends_of_earlier_runs(connection: Connection, run: Hold) -> None:
    """Ends what earlier runs are still writing to the run's slice. To be called before the run itself writes."""
    _end(connection, "end_backends_of_earlier_runs", run.key)


def find_backends_of_run(connection: Connection, run_id: int) -> list[int]:
    """The server processes that write to the run's slice now."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("find_backends_of_run"), {"run_id": run_id})
        found = [pid for (pid,) in cursor.fetchall()]
        connection.rollback()
    return found


def end_backends_of_slices(connection: Connection, slice_ids: Sequence[int]) -> None:
    """Ends what is still writing to these slices. The caller has locked their rows, and its transaction goes on."""
    with translated(), connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before_ending")
        try:
            cursor.execute(statement("end_backends_of_slices"), {"slice_ids": list(slice_ids)})
        except psycopg2.Error as error:
            cursor.execute("ROLLBACK TO SAVEPOINT before_ending")
            logger.warning("connections that were left behind could not be ended: %s", translate(error))


def _end(connection: Connection, name: str, values: Mapping[str, object]) -> None:
    try:
        with translated(), connection.cursor() as cursor:
            cursor.execute(statement(name), values)
            ended = cursor.rowcount
            connection.commit()
    except StorageError as error:
        logger.warning("connections that were left behind could not be ended: %s", error)
        with translated():
            connection.rollback()
        return
    if ended:
        logger.info("ended %d connections that an earlier run or a lost connection had left on the server", ended)
