"""The dead letters, one by one: their bytes are what was received, and each event is accounted for once.

Invariant: one piece of them is in memory at a time, and eight bytes of each open one. They are read by this version's
parser, which may know better than the one that rejected them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from datasync_spider.api.event import Event
from datasync_spider.storage.connection import Connection
from datasync_spider.storage.countedtwice import LetterIds
from datasync_spider.storage.deadletters import Chosen, DeadLetter, find_stored, read_letters_after
from datasync_spider.storage.registry import Slice
from datasync_spider.verification.check import Check, fails, holds

_EXAMPLES = 3
_BY_THE_DATABASE = "refused_by_postgresql_"


@dataclass(slots=True)
class Found:
    """Numbers of letters with one fault: all are counted, the first few are kept."""

    count: int = 0
    examples: list[int] = field(default_factory=list)

    def add(self, rejected_id: int) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(rejected_id)

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.examples) else ""
        return ", ".join(f"#{number}" for number in self.examples) + more


@dataclass(slots=True)
class Letters:
    """``acceptable``: open, not stored, and rejected by an earlier version's parser alone.

    ``lost``: settled, and not stored. ``marks``: the ids that were looked out for and met. ``ids``: those of open
    letters, be their events usable or not.
    """

    open: int = 0
    settled: int = 0
    altered: Found = field(default_factory=Found)
    stored_as_well: Found = field(default_factory=Found)
    lost: Found = field(default_factory=Found)
    acceptable: int = 0
    marks: set[str] = field(default_factory=set)
    ids: LetterIds = field(default_factory=LetterIds)


def look_through(connection: Connection, slice_: Slice, marks: Collection[str]) -> Letters:
    """All letters of the slice, settled ones too. ``marks`` are ids to look out for."""
    letters = Letters()
    after = 0
    while piece := read_letters_after(connection, Chosen(slice_, with_replayed=True), after):
        after = piece[-1].rejected_id
        _look_at(letters, connection, slice_, piece, marks)
    return letters


def _look_at(
    letters: Letters, connection: Connection, slice_: Slice, piece: Sequence[DeadLetter], marks: Collection[str]
) -> None:
    read = [(letter, letter.read_again(slice_.reader)) for letter in piece]
    ids = {letter.rejected_id: event.event_id for letter, event in read if isinstance(event, Event)}
    letters.marks.update(set(marks) & set(ids.values()))
    of_open = [found for letter, event in read if not letter.replayed and (found := event.event_id) is not None]
    stored = find_stored(connection, slice_, {*ids.values(), *of_open})
    letters.ids.add(of_open, stored)
    for letter in piece:
        if hashlib.sha256(letter.raw).digest() != letter.raw_sha256:
            letters.altered.add(letter.rejected_id)
        event_id = ids.get(letter.rejected_id)
        if letter.replayed:
            letters.settled += 1
            # One that this version cannot read was read by another one, and nothing can be said of it.
            if event_id is not None and event_id not in stored:
                letters.lost.add(letter.rejected_id)
            continue
        letters.open += 1
        if event_id in stored:
            letters.stored_as_well.add(letter.rejected_id)
        elif event_id is not None and not letter.reason.startswith(_BY_THE_DATABASE):
            letters.acceptable += 1


def judge_letters(letters: Letters, *, rows_were_deleted: bool) -> list[Check]:
    """Three checks. Events that could be stored now are no fault: they are accounted for.

    ``rows_were_deleted``: by somebody who set the books right; settled ones may be among them.
    """
    return [_bytes(letters), _once(letters), _settled(letters, rows_were_deleted=rows_were_deleted)]


def _bytes(letters: Letters) -> Check:
    count = letters.open + letters.settled
    numbers = {"letters": count, "altered": letters.altered.count}
    if not letters.altered.count:
        return holds("rejected_bytes", f"the bytes of {count:,} rejected events are those that were received", numbers)
    text = f"the bytes of {letters.altered.count:,} rejected events are not those that were received: {letters.altered}"
    return fails("rejected_bytes", text, "restore these rows of rejected_events from a backup", numbers)


def _once(letters: Letters) -> Check:
    numbers = {"open": letters.open, "stored": letters.stored_as_well.count, "acceptable": letters.acceptable}
    if letters.stored_as_well.count:
        text = f"{letters.stored_as_well.count:,} rejected events are stored as well: {letters.stored_as_well}"
        return fails("stored_or_rejected", text, "run scrapy replay, which settles them as duplicates", numbers)
    text = f"none of {letters.open:,} rejected events is stored as well"
    if letters.acceptable:
        text += f"; this version could store {letters.acceptable:,} of them: scrapy replay"
    return holds("stored_or_rejected", text, numbers)


def _settled(letters: Letters, *, rows_were_deleted: bool) -> Check:
    numbers = {"settled": letters.settled, "lost": letters.lost.count}
    if not letters.lost.count:
        return holds("settled_are_stored", f"the events of {letters.settled:,} settled letters are stored", numbers)
    text = f"the events of {letters.lost.count:,} letters that a replay settled are not stored: {letters.lost}"
    if rows_were_deleted:
        return holds("settled_are_stored", f"{text}; rows were deleted, and the books were set right", numbers)
    return fails(
        "settled_are_stored",
        text,
        "rows of ingested_events were deleted by other hands: set replayed_at of these to NULL and the books right as"
        " docs/operate/operations.md says under Resume, total_rejected too, and run scrapy replay",
        numbers,
    )
