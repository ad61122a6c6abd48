"""The dead letters, one by one: their bytes are what was received, and each event is accounted for once.

Invariant: one piece of them is in memory at a time, and eight bytes of each open one. They are read by this version's
parser, which may know better than the one that rejected them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from msgspec import Struct, field

from datasync_spider.ops.verification.check import Check, fails, holds
from datasync_spider.records.event import Event
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.countedtwice import DeadLetterIds
from datasync_spider.storage.deadletters import Chosen, DeadLetter, find_stored, read_dead_letters_after
from datasync_spider.storage.registry import Slice

_EXAMPLES = 3
_BY_THE_DATABASE = "refused_by_postgresql_"


class Found(Struct):
    """Numbers of dead letters with one fault: all are counted, the first few are kept."""

    count: int = 0
    examples: list[int] = field(default_factory=list)

    def add(self, rejected_id: int) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(rejected_id)

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.examples) else ""
        return ", ".join(f"#{number}" for number in self.examples) + more


class DeadLetters(Struct):
    """``acceptable``: open, not stored, and rejected by an earlier version's parser alone.

    ``lost``: resolved, and not stored. ``marks``: the ids that were looked out for and met. ``ids``: those of open
    dead letters, be their events usable or not.
    """

    open: int = 0
    resolved: int = 0
    altered: Found = field(default_factory=Found)
    stored_as_well: Found = field(default_factory=Found)
    lost: Found = field(default_factory=Found)
    acceptable: int = 0
    marks: set[str] = field(default_factory=set)
    ids: DeadLetterIds = field(default_factory=DeadLetterIds)


def look_through(connection: Connection, slice_: Slice, marks: Collection[str]) -> DeadLetters:
    """All dead letters of the slice, resolved ones too. ``marks`` are ids to look out for."""
    dead_letters = DeadLetters()
    after = 0
    while piece := read_dead_letters_after(connection, Chosen(slice_, with_replayed=True), after):
        after = piece[-1].rejected_id
        _look_at(dead_letters, connection, slice_, piece, marks)
    return dead_letters


def _look_at(
    dead_letters: DeadLetters,
    connection: Connection,
    slice_: Slice,
    piece: Sequence[DeadLetter],
    marks: Collection[str],
) -> None:
    read = [(entry, entry.read_again(slice_.reader)) for entry in piece]
    ids = {entry.rejected_id: event.event_id for entry, event in read if isinstance(event, Event)}
    dead_letters.marks.update(set(marks) & set(ids.values()))
    of_open = [found for entry, event in read if not entry.replayed and (found := event.event_id) is not None]
    stored = find_stored(connection, slice_, {*ids.values(), *of_open})
    dead_letters.ids.add(of_open, stored)
    for entry in piece:
        if hashlib.sha256(entry.raw).digest() != entry.raw_sha256:
            dead_letters.altered.add(entry.rejected_id)
        event_id = ids.get(entry.rejected_id)
        if entry.replayed:
            dead_letters.resolved += 1
            # One that this version cannot read was read by another one, and nothing can be said of it.
            if event_id is not None and event_id not in stored:
                dead_letters.lost.add(entry.rejected_id)
            continue
        dead_letters.open += 1
        if event_id in stored:
            dead_letters.stored_as_well.add(entry.rejected_id)
        elif event_id is not None and not entry.reason.startswith(_BY_THE_DATABASE):
            dead_letters.acceptable += 1


def check_dead_letters(dead_letters: DeadLetters, *, rows_were_deleted: bool) -> list[Check]:
    """Three checks. Events that could be stored now are no fault: they are accounted for.

    ``rows_were_deleted``: by someone who set the totals right; resolved ones may be among them.
    """
    return [_bytes(dead_letters), _once(dead_letters), _resolved(dead_letters, rows_were_deleted=rows_were_deleted)]


def _bytes(dead_letters: DeadLetters) -> Check:
    count = dead_letters.open + dead_letters.resolved
    numbers = {"letters": count, "altered": dead_letters.altered.count}
    if not dead_letters.altered.count:
        return holds("rejected_bytes", f"the bytes of {count:,} rejected events are those that were received", numbers)
    text = f"the bytes of {dead_letters.altered.count:,} rejected events were altered: {dead_letters.altered}"
    return fails("rejected_bytes", text, "restore these rows of rejected_events from a backup", numbers)


def _once(dead_letters: DeadLetters) -> Check:
    numbers = {
        "open": dead_letters.open,
        "stored": dead_letters.stored_as_well.count,
        "acceptable": dead_letters.acceptable,
    }
    if dead_letters.stored_as_well.count:
        text = (
            f"{dead_letters.stored_as_well.count:,} rejected events are stored as well: {dead_letters.stored_as_well}"
        )
        return fails("stored_or_rejected", text, "run scrapy replay, which resolves them as duplicates", numbers)
    text = f"none of {dead_letters.open:,} rejected events is stored as well"
    if dead_letters.acceptable:
        text += f"; this version could store {dead_letters.acceptable:,} of them: scrapy replay"
    return holds("stored_or_rejected", text, numbers)


def _resolved(dead_letters: DeadLetters, *, rows_were_deleted: bool) -> Check:
    numbers = {"settled": dead_letters.resolved, "lost": dead_letters.lost.count}
    if not dead_letters.lost.count:
        return holds(
            "settled_are_stored", f"the events of {dead_letters.resolved:,} resolved dead letters are stored", numbers
        )
    text = (
        f"the events of {dead_letters.lost.count:,} dead letters that a replay resolved are not stored:"
        f" {dead_letters.lost}"
    )
    if rows_were_deleted:
        return holds("settled_are_stored", f"{text}; rows were deleted, and the totals were set right", numbers)
    return fails(
        "settled_are_stored",
        text,
        "rows of ingested_events were deleted by other hands: set replayed_at of these to NULL and the totals right as"
        " docs/operate/operations.md says under Resume, total_rejected too, and run scrapy replay",
        numbers,
    )
