"""Where a chain stands: at the head of the feed, among what is new, or on ground that was known before its pass began.

Invariant: it follows from what is committed with the batches before. Only a record with an id says anything, be it an
event or a dead letter. Which records were known before is asked in incremental passes alone: a full one counts all that
it meets.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import IntEnum

from msgspec import Struct, field

from datasync_spider.storage.connection import Connection
from datasync_spider.storage.registry import Slice
from datasync_spider.storage.statements import statement


class Ground(IntEnum):
    """In the order in which a chain comes to them."""

    HEAD = 0
    NEW = 1
    KNOWN = 2


class Progress(Struct, frozen=True):
    """``named_walk``: the pass's last chain that has met a record with an id; ``known_walk``: one from before the pass.

    ``counted_from_pass``: the first pass that was counted from its head on.
    """

    named_walk: int
    known_walk: int
    counted_from_pass: int


class Known(Struct):
    """What of some records the pass may call known: ids of events, and digests of dead letters."""

    event_ids: set[str] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)


class GroundOfChain:
    """Moves with the pages of a batch, record by record."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._chain = 0
        self.ground = Ground.HEAD

    def enter(self, chain: int) -> None:
        """The chain's next page begins."""
        if chain != self._chain:
            self._chain = chain
            self.ground = self.ground_of(chain)

    def ground_of(self, chain: int) -> Ground:
        """As the batches before have left it."""
        if self._progress.known_walk == chain:
            return Ground.KNOWN
        return Ground.NEW if self._progress.named_walk == chain else Ground.HEAD

    def meet(self, *, is_known: bool) -> None:
        """A record with an id."""
        self.ground = Ground.KNOWN if is_known else max(self.ground, Ground.NEW)


def read_progress(connection: Connection, slice_: Slice) -> Progress:
    """Of the slice's open pass. The transaction goes on."""
    with connection.cursor() as cursor:
        cursor.execute(statement("read_chain"), {"slice_id": slice_.slice_id})
        row = cursor.fetchone()
    # A slice that has no row any more is found out by the checkpoint.
    return Progress(*row) if row else Progress(0, 0, 0)


def find_known(
    connection: Connection, slice_: Slice, before: datetime, event_ids: Collection[str], digests: Collection[bytes]
) -> Known:
    """Which of these were there before that instant. The transaction goes on."""
    known = Known()
    with connection.cursor() as cursor:
        if event_ids:
            cursor.execute(
                slice_.table.statement("find_known_before"), {"event_ids": list(event_ids), "before": before}
            )
            known.event_ids = {event_id for (event_id,) in cursor.fetchall()}
        if digests:
            rejected = {"slice_id": slice_.slice_id, "digests": list(digests), "before": before}
            cursor.execute(statement("find_known_rejected"), rejected)
            known.digests = {bytes(found) for (found,) in cursor.fetchall()}
    return known
