"""Same id, different content: counted and kept, since DO NOTHING would hide it.

The rule says which version is the event: ``first`` (the one that was stored first) or ``last`` (the one with the later
``occurred_at``; without times the first). The other one goes to ``event_conflicts``. Two versions that are equal as
JSON are no conflict, whatever their white space. A version that PostgreSQL refuses is none that could be compared, and
goes to the dead letters, as it does where no other one is known (docs/decisions/0016).

Invariant: runs inside the writer's transaction after its turn has come, so what earlier batches stored is visible, and
no later batch has touched the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.quarantine import RefusedRow, stage_pages
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.runs import Hold
from datasync_spider.storage.sql import statement

ConflictRule = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of them, by page number.

    ``conflicts``: so many versions were put aside for the first time. ``inserted``: versions that were stored after
    all, since PostgreSQL has refused the other one and they contradict nothing. ``refused``: what it did not take.
    """

    conflicts: int
    inserted: Counter[int]
    refused: dict[int, list[RefusedRow]]


def contested_rows(batch: Batch, differing: AbstractSet[str]) -> dict[int, Rows]:
    """Versions of which another one is stored, or was on its way when they came, by page number.

    They are the batch's rows with the ids ``differing``, and its variants.
    """
    contested: dict[int, Rows] = {}
    for page in batch.pages:
        rows = _contested_of(page, differing)
        if rows:
            contested[page.page.number] = rows
    return contested


def _contested_of(page: PreparedPage, differing: AbstractSet[str]) -> Rows:
    rows = page.rows.only([event_id in differing for event_id in page.rows.event_ids]) if differing else Rows.of([])
    if page.variants:
        variants = Rows.of(page.variants)
        # One that a page holds twice is one all the same: should PostgreSQL refuse it, it is one dead letter.
        firsts = {row: place for place, row in reversed(list(enumerate(variants.encoded)))}
        picks = [place in firsts.values() for place in range(len(variants))]
        rows = Rows.joined([rows, variants.only(picks)])
    return rows


def settle(
    connection: Connection,
    hold: Hold,
    rule: ConflictRule,
    contested: Mapping[int, Rows],
    *,
    is_staging: bool,
) -> Settled:
    """Settles these versions by the rule. ``is_staging``: ``staged_events`` exists, and what it holds is done with."""
    with connection.cursor() as cursor:
        cursor.execute(statement("empty_staging" if is_staging else "create_staging"))
        refused = stage_pages(connection, contested)
        cursor.execute(hold.slice.table.statement("merge_staged"))
        alone = {event_id for (event_id,) in cursor.fetchall()}
    inserted = Counter(_bringers(contested, refused, alone).values())
    return Settled(settle_staged(connection, hold, rule), inserted, refused)


def _bringers(
    contested: Mapping[int, Rows], refused: Mapping[int, list[RefusedRow]], event_ids: AbstractSet[str]
) -> dict[str, int]:
    """Which page has brought each of these ids: the first one with a version of it that PostgreSQL took."""
    bringers: dict[str, int] = {}
    for number, rows in contested.items():
        taken = Counter(rows.event_ids) - Counter(row.event.event_id for row in refused.get(number, []))
        for event_id in event_ids & taken.keys():
            bringers.setdefault(event_id, number)
    return bringers


def settle_staged(connection: Connection, hold: Hold, rule: ConflictRule) -> int:
    """Compares ``staged_events`` with what is stored; gives how many versions were put aside for the first time."""
    with connection.cursor() as cursor:
        table, values = hold.slice.table, {**hold.key, "stream": hold.slice.stream}
        cursor.execute(statement("look_up_by_key"))
        kept = 0
        if rule == "last":
            cursor.execute(table.statement("keep_replaced"), values)
            kept += cursor.rowcount
            cursor.execute(table.statement("replace_stored"))
        cursor.execute(table.statement("keep_newcomers"), values)
        return kept + int(cursor.rowcount)
