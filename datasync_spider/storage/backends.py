"""Ends server processes that nobody speaks to any more, and that hold what we need.

A connection can be lost on our side alone: a middlebox cut it, or its process is frozen in the middle of a COPY. The
server then waits for the rest of the transaction, for hours, and keeps the keys that it has inserted. Neither a lock
timeout nor ``idle_in_transaction_session_timeout`` ends that.

So each connection of a run carries the run's number in its ``application_name``. Whoever holds the stream's fence may
end the backends of the stream's earlier runs, and a writer that reconnects may end the one that it lost: neither can
commit anything any more. Invariant: no process of anybody else is ever ended, and being unable to is no error: the
locks are waited for then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import psycopg2

from datasync_spider.errors import StorageError
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.runs import Hold
from datasync_spider.storage.sql import statement
from datasync_spider.storage.translate import translate, translated

logger = logging.getLogger(__name__)


def label(run_id: int, role: str) -> str:
    """The ``application_name`` of a run's connection; the statements below take it apart."""
    return f"datasync run {run_id} {role}"


def end_lost_backends(connection: Connection, lost_label: str) -> None:
    """Ends the backends with this label, except the connection's own."""
    _end(connection, "end_lost_backends", {"label": lost_label})


def end_backends_of_earlier_runs(connection: Connection, run: Hold) -> None:
    """Ends what earlier runs of the run's slice have left on the server."""
    _end(connection, "end_backends_of_earlier_runs", run.key)


def end_backends_of_slices(connection: Connection, slice_ids: Sequence[int]) -> None:
    """Ends what any run of these slices has on the server. The caller holds their rows, and its transaction goes on."""
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
