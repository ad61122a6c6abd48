"""Same id, different content: what becomes of versions of which another one is stored, or was on its way.

In an immutable stream that should not be: the first one stays, the other one is a finding and goes to
``event_conflicts``, counted. In a mutable one (:class:`~datasync_spider.storage.statements.Versions`) the latest
version is the record, whatever the order in which they come; all others go to the history, each once, where the stream
keeps one (docs/decisions/0027). Two contents of one and the same version contradict each other in any stream.

What becomes of a staged version, beside the stored one:

later               replaces it, and the row's ``ingested_at`` is that of this transaction; the replaced one, history,
                    which says from when to when it was the row
earlier             history, as one that has never been in the table
equally late        ``event_conflicts``; so are two without any version, and all of an immutable stream
equal as JSON       nothing, whatever its white space
refused             a dead letter (docs/decisions/0016): it is none that could be compared

Invariant: runs inside the writer's transaction after its turn has come, so what earlier batches stored is visible, and
no later batch has touched the same ids. All of it is one transaction with the checkpoint: a crash leaves the stored
version as it was, and another session sees the one or the other, and the replaced one in exactly one of the two tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct

from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.quarantine import RejectedRow, stage_pages
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.runs import Hold
from datasync_spider.storage.statements import statement


class Resolved(Struct, frozen=True):
    """What became of them, by page number.

    ``conflicts``: so many versions were put into ``event_conflicts``. ``inserted``: versions that were stored after
    all, since PostgreSQL has refused the other one and they contradict nothing. ``refused``: what it did not take.
    ``replacing``: the pages that brought a later version of what was stored.
    """

    conflicts: int
    inserted: Counter[int]
    refused: dict[int, list[RejectedRow]]
    replacing: frozenset[int]


class ResolvedRows(Struct, frozen=True):
    """``conflicts``: so many were put into ``event_conflicts``. ``replaced``: the ids that have a later version now."""

    conflicts: int
    replaced: frozenset[str] = frozenset()


def contested_rows(batch: Batch, differing: AbstractSet[str]) -> dict[int, Rows]:
    """Versions of which another one is stored, or was on its way when they came, by page number.

    They are the batch's rows with the ids ``differing``, and its versions.
    """
    contested: dict[int, Rows] = {}
    for page in batch.pages:
        rows = _contested_of(page, differing)
        if rows:
            contested[page.page.number] = rows
    return contested


def _contested_of(page: PreparedPage, differing: AbstractSet[str]) -> Rows:
    rows = page.rows.only([event_id in differing for event_id in page.rows.event_ids]) if differing else Rows.of([])
    if page.versions:
        page_versions = Rows.of(page.versions)
        # One that a page holds twice is one all the same: should PostgreSQL refuse it, it is one dead letter.
        firsts = {row: place for place, row in reversed(list(enumerate(page_versions.encoded)))}
        picks = [place in firsts.values() for place in range(len(page_versions))]
        rows = Rows.joined([rows, page_versions.only(picks)])
    return rows


def resolve(connection: Connection, hold: Hold, contested: Mapping[int, Rows], *, is_staging: bool) -> Resolved:
    """Resolves these versions. ``is_staging``: ``staged_events`` exists, and what it holds is done with."""
    with connection.cursor() as cursor:
        cursor.execute(statement("empty_staging" if is_staging else "create_staging"))
        refused = stage_pages(connection, contested)
        cursor.execute(hold.slice.table.statement("merge_staged"))
        alone = {event_id for (event_id,) in cursor.fetchall()}
    inserted = Counter(_bringers(contested, refused, alone).values())
    rows = resolve_staged(connection, hold)
    replacing = frozenset(_bringers(contested, refused, rows.replaced).values())
    return Resolved(rows.conflicts, inserted, refused, replacing)


def _bringers(
    contested: Mapping[int, Rows], refused: Mapping[int, list[RejectedRow]], event_ids: AbstractSet[str]
) -> dict[str, int]:
    """Which page has brought each of these ids: the first one with a version of it that PostgreSQL took."""
    bringers: dict[str, int] = {}
    for number, rows in contested.items():
        taken = Counter(rows.event_ids) - Counter(row.event.event_id for row in refused.get(number, []))
        for event_id in event_ids & taken.keys():
            bringers.setdefault(event_id, number)
    return bringers


def resolve_staged(connection: Connection, hold: Hold) -> ResolvedRows:
    """Compares ``staged_events`` with what is stored."""
    table = hold.slice.table
    with connection.cursor() as cursor:
        cursor.execute(statement("look_up_by_key"))
        values = {**hold.key, "stream": hold.slice.stream, **table.version_values}
        if table.versions is None:
            cursor.execute(table.statement("keep_newcomers"), values)
            return ResolvedRows(cursor.rowcount)
        if table.keeps_history:
            cursor.execute(table.statement("keep_replaced"), values)
        cursor.execute(table.statement("replace_stored"), values)
        replaced = frozenset(event_id for (event_id,) in cursor.fetchall())
        if table.keeps_history:
            cursor.execute(table.statement("keep_earlier"), values)
        cursor.execute(table.statement("keep_contradicting"), values)
        return ResolvedRows(cursor.rowcount, replaced)
