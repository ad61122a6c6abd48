"""How a batch's rows get into the table: copied straight, split for keys that exist, or merged as a whole.

Straight is the fastest but fails as a whole on the first key that exists, so it pays only where conflicts are rare.
After a conflict some batches are split, twice as many after each further one; a batch that turns out to hold nothing
known shortens the wait. Splitting known from new asks first which keys exist, unless the batch before held little else:
then it is cheaper to compare all rows at once. A batch of pages that were looked up before, and found to be stored just
so, needs none of it. What can be neither copied nor split, since PostgreSQL refuses a row or
another process stores a key meanwhile, is merged.

Invariant: whichever way is taken, each row is stored, known or refused in the end, and a way that failed has left
nothing behind in the transaction.
"""

from __future__ import annotations

import psycopg2
import psycopg2.errors

from datasync_spider.errors import RowsRejected
from datasync_spider.storage.batch import ALL_NEW, Batch, Counts, Outcome
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.quarantine import stage_pages
from datasync_spider.storage.rows import CopyStream
from datasync_spider.storage.splitknown import compare_staged, split_known
from datasync_spider.storage.statements import StreamTable, statement
from datasync_spider.storage.storedkeys import StoredKeys

_MOST_SPLIT = 64
# By the costs of the steps: docs/decisions/0013.
_MOSTLY_KNOWN_SHARE = 0.6


class CopyMode:
    """Counts how many batches are still to be split before straight COPY is tried again.

    Pure bookkeeping; shared by the writing threads, where a lost update costs a little speed and nothing else.
    """

    def __init__(self, *, expects_known: bool = False) -> None:
        self._penalty = 2
        self._left = self._penalty if expects_known else 0
        self._known_share = 0.0

    def prefers_straight(self) -> bool:
        return self._left <= 0

    def prefers_probing(self) -> bool:
        """Whether a batch that is split is to be asked for its known keys first."""
        return self._known_share < _MOSTLY_KNOWN_SHARE

    def succeeded(self) -> None:
        """A straight COPY went through."""
        self._penalty = max(2, self._penalty // 2)

    def conflicted(self) -> None:
        """A straight COPY failed on a key that exists."""
        self._penalty = min(_MOST_SPLIT, self._penalty * 2)
        self._left = self._penalty

    def split(self, rows: int, known: int) -> None:
        """A batch was split, or merged; where nothing in it was known, straight COPY is tried sooner."""
        self._known_share = known / rows
        self._left = 0 if known == 0 and self._left <= 2 else max(0, self._left - 1)


class RowWriter:
    """Of one run. ``stored_rows``: how many rows the slice held when it began."""

    def __init__(self, table: StreamTable, stored_rows: int, mode: CopyMode) -> None:
        self._table = table
        self._mode = mode
        self._stored_keys = StoredKeys(table, stored_rows)

    def write(self, connection: Connection, batch: Batch) -> Outcome:
        """Stores what is new among the batch's rows. The transaction goes on."""
        if batch.rows == 0:
            return ALL_NEW
        if all(page.page.is_stored for page in batch.pages):
            self._mode.split(batch.rows, batch.rows)
            return _all_known(batch)
        if self._mode.prefers_straight():
            return self._copy_straight(connection, batch)
        return self._split_known(connection, batch)

    def _copy_straight(self, connection: Connection, batch: Batch) -> Outcome:
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT rows")
            try:
                stream = CopyStream((page.rows for page in batch.pages), self._table.slice_id)
                cursor.copy_expert(self._table.statement("copy_straight"), stream)
            except psycopg2.errors.UniqueViolation:
                cursor.execute("ROLLBACK TO SAVEPOINT rows")
                self._mode.conflicted()
                return self._split_known(connection, batch)
            except psycopg2.Error as error:
                with translated():
                    _raise_unless_refused(error)
                cursor.execute("ROLLBACK TO SAVEPOINT rows")
                return self._merge(connection, batch)
            cursor.execute("RELEASE SAVEPOINT rows")
        self._mode.succeeded()
        return ALL_NEW

    def _split_known(self, connection: Connection, batch: Batch) -> Outcome:
        probes = self._mode.prefers_probing()
        if probes:
            self._stored_keys.read_if_worth(connection)
        split = split_known(connection, self._table, batch, self._stored_keys, probes=probes)
        if split is None:
            self._stored_keys.give_up()
            return self._merge(connection, batch)
        self._mode.split(batch.rows, len(split.known))
        return split

    def _merge(self, connection: Connection, batch: Batch) -> Outcome:
        with connection.cursor() as cursor:
            cursor.execute(statement("create_staging"))
            refused = stage_pages(connection, {page.page.number: page.rows for page in batch.pages})
            cursor.execute(self._table.statement("merge_staged"))
            merged = {event_id for (event_id,) in cursor.fetchall()}
            cursor.execute(statement("look_up_by_key"))
            _, differing = compare_staged(cursor, self._table)
        changes: dict[int, Counts] = {}
        known: set[str] = set()
        for page in batch.pages:
            ids = page.rows.event_ids
            others = set(ids) - merged
            bad = len(refused.get(page.page.number, ()))
            changes[page.page.number] = Counts(inserted=-len(others), duplicates=len(others) - bad, rejected=bad)
            known |= others
        taken = batch.rows - sum(map(len, refused.values()))
        self._mode.split(batch.rows, taken - len(merged))
        return Outcome(changes, known, differing, refused, is_staging=True)


def _all_known(batch: Batch) -> Outcome:
    changes = {page.page.number: Counts(inserted=-len(page.rows), duplicates=len(page.rows)) for page in batch.pages}
    return Outcome(changes, {event_id for page in batch.pages for event_id in page.rows.event_ids})


def _raise_unless_refused(error: psycopg2.Error) -> None:
    try:
        with translated():
            raise error
    except RowsRejected:
        return
