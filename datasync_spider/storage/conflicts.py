"""Same id, different content: counted and kept, since DO NOTHING would hide it.

The rule says which version is the event: ``first`` (the one that was stored first) or ``last`` (the one with the later
``occurred_at``; without times the first). The other one goes to ``event_conflicts``. Two versions that are equal as
JSON are no conflict, whatever their white space.

Invariant: runs inside the writer's transaction after its turn has come, so what earlier batches stored is visible, and
no later batch has touched the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from datasync_spider.storage.batch import Batch, PreparedPage
from datasync_spider.storage.connect import Connection
from datasync_spider.storage.quarantine import stage_rows
from datasync_spider.storage.rows import Rows
from datasync_spider.storage.sql import statement

ConflictRule = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Contested:
    """Versions of which another one is stored, or was on its way when they came, each with its page's number."""

    rows: Rows
    page_numbers: list[int]

    @classmethod
    def of(cls, batch: Batch, differing: AbstractSet[str]) -> Contested:
        """The batch's rows with the ids ``differing``, and its variants."""
        contested = cls(Rows([], []), [])
        for page in batch.pages:
            if differing:
                contested._add(page.rows.only([event_id in differing for event_id in page.rows.event_ids]), page)
            if page.variants:
                contested._add(Rows.of(page.variants), page)
        return contested

    def _add(self, rows: Rows, page: PreparedPage) -> None:
        self.rows.event_ids += rows.event_ids
        self.rows.encoded += rows.encoded
        self.page_numbers.extend([page.page.number] * len(rows))


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of them.

    ``conflicts``: so many versions were put aside for the first time. ``inserted``, by page number: versions that were
    stored after all, since PostgreSQL has refused the other one and they contradict nothing.
    """

    conflicts: int
    inserted: Counter[int]


def settle(
    connection: Connection, stream: str, run_id: int, rule: ConflictRule, contested: Contested, *, is_staging: bool
) -> Settled:
    """Settles these versions by the rule. ``is_staging``: ``staged_events`` exists, and what it holds is done with."""
    with connection.cursor() as cursor:
        cursor.execute(statement("empty_staging" if is_staging else "create_staging"))
        # What PostgreSQL refuses of these cannot be compared; the stored version stands.
        stage_rows(connection, contested.rows)
        cursor.execute(statement("merge_staged"))
        alone = [event_id for (event_id,) in cursor.fetchall()]
    page_numbers: dict[str, int] = {}
    if alone:
        for event_id, page_number in zip(contested.rows.event_ids, contested.page_numbers, strict=True):
            page_numbers.setdefault(event_id, page_number)
    inserted = Counter(page_numbers[event_id] for event_id in alone)
    return Settled(settle_staged(connection, stream, run_id, rule), inserted)


def settle_staged(connection: Connection, stream: str, run_id: int, rule: ConflictRule) -> int:
    """Compares ``staged_events`` with what is stored; gives how many versions were put aside for the first time."""
    with connection.cursor() as cursor:
        values = {"stream": stream, "run_id": run_id}
        cursor.execute(statement("look_up_by_key"))
        kept = 0
        if rule == "last":
            cursor.execute(statement("keep_replaced"), values)
            kept += cursor.rowcount
            cursor.execute(statement("replace_stored"))
        cursor.execute(statement("keep_newcomers"), values)
        return kept + cursor.rowcount
