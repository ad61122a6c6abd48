"""Writes rows of which some are stored already: the unknown ones straight into the table, the known ones compared.

States of a batch, and what a crash in each leaves behind (nothing of it, since all of it is one transaction):

probed    which keys exist was asked or guessed; a hint and no more, for anyone may store or delete one meanwhile
staged    the rows that seem to be known lie in ``staged_events``
compared  which of these are stored, and which differ from what is stored, is known for sure
copied    all others are in the table, each under a key that no one had

Invariant: a row counts as known only where the comparison has met its key in the table, and as new only where COPY has
taken it. Where neither is to be had (another process stores a key in between, PostgreSQL refuses a row) nothing is
written, and the batch is to be merged as a whole.

No other batch in flight holds one of these ids, be it as a row or as a version
(:mod:`datasync_spider.storage.prepare`), so what is compared here still holds when the batch's turn has come.
"""

from __future__ import annotations

import psycopg2.extensions

from datasync_spider import failpoints
from datasync_spider.errors import RowsRejected
from datasync_spider.storage.batch import Batch, Counts, Outcome
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.rows import CopyStream, Rows
from datasync_spider.storage.statements import StreamTable, statement
from datasync_spider.storage.storedkeys import StoredKeys

# What no id should hold; one that does is not found by the probe, which costs speed and nothing else.
_SEPARATOR = "\x1f"


def split_known(
    connection: Connection, table: StreamTable, batch: Batch, keys: StoredKeys, *, probes: bool
) -> Outcome | None:
    """Writes what is new in the batch; None, and nothing is written, where it has to be merged instead.

    ``probes``: guess or ask first which keys exist, and compare these rows only. Otherwise all are staged and compared,
    which is the cheaper way where most are known.
    """
    rows = Rows.joined(page.rows for page in batch.pages)
    event_ids = rows.event_ids
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT rows")
        try:
            with translated():
                cursor.execute(statement("look_up_by_key"))
                known = _probe(cursor, table, event_ids, keys) if probes else set(event_ids)
                suspects = rows.only([event_id in known for event_id in event_ids]) if probes else rows
                differing: set[str] = set()
                if suspects:
                    cursor.execute(statement("create_staging"))
                    cursor.copy_expert(statement("copy_staged"), CopyStream([suspects]))
                    unknown, differing = compare_staged(cursor, table)
                    known -= unknown
                failpoints.reach("split")
                is_new = [event_id not in known for event_id in event_ids]
                if len(known) < len(rows):
                    stream = CopyStream([rows.only(is_new)], table.slice_id)
                    cursor.copy_expert(table.statement("copy_straight"), stream)
        except RowsRejected:
            cursor.execute("ROLLBACK TO SAVEPOINT rows")
            return None
        cursor.execute("RELEASE SAVEPOINT rows")
    return Outcome(_changes(batch, is_new), known, differing, is_staging=bool(suspects))


def compare_staged(cursor: psycopg2.extensions.cursor, table: StreamTable) -> tuple[set[str], set[str]]:
    """Of the rows in ``staged_events``, the ids that are not stored, and those that are with other content."""
    cursor.execute(table.statement("compare_staged"))
    unknown: set[str] = set()
    differing: set[str] = set()
    for event_id, is_unknown in cursor.fetchall():
        (unknown if is_unknown else differing).add(event_id)
    return unknown, differing


def _probe(cursor: psycopg2.extensions.cursor, table: StreamTable, event_ids: list[str], keys: StoredKeys) -> set[str]:
    guessed = keys.among(event_ids)
    if guessed is not None:
        return guessed
    keys.asked(len(event_ids))
    # In order, so that the server finds neighbours on one page of its index.
    joined = _SEPARATOR.join(sorted(event_ids))
    cursor.execute(table.statement("find_known"), {"event_ids": joined, "separator": _SEPARATOR})
    return {event_id for (event_id,) in cursor.fetchall()}


def _changes(batch: Batch, is_new: list[bool]) -> dict[int, Counts]:
    changes: dict[int, Counts] = {}
    start = 0
    for page in batch.pages:
        end = start + len(page.rows)
        known = end - start - sum(is_new[start:end])
        if known:
            changes[page.page.number] = Counts(inserted=-known, duplicates=known)
        start = end
    return changes
