"""How many of a stream's unresolved dead letters are about an event that is accounted for without them.

A dead letter has no id of its own, so the totals count it as an event. It is none where its event is stored, in another
version, or where another dead letter is about the same event. The ids are read from the dead letters' bytes
(docs/decisions/0019).

Invariant: a dead letter whose id cannot be read is an event of its own. Of the dead letters, one piece is in memory at
a time; of their ids, eight bytes each. Nothing is changed, and no row is locked.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from datasync_spider.storage.connection import Connection
from datasync_spider.storage.deadletters import Chosen, find_stored, read_dead_letters_after, read_ids
from datasync_spider.storage.registry import Slice

_PARTS = 256


class DeadLetterIds:
    """Counts dead letters against the events that they are about, by the hashes of their ids.

    Two ids of one hash (about one chance in thirty million among a million of them) pass for one event: more is called
    counted twice then, never less.
    """

    def __init__(self) -> None:
        self._dead_letters = 0
        # In parts, so that to count the different ones takes little room beside them.
        self._unstored: list[array[int]] = [array("q") for _ in range(_PARTS)]

    def add(self, event_ids: Sequence[str], stored: AbstractSet[str]) -> None:
        """The ids of some unresolved dead letters, one a dead letter, and which of them are stored."""
        self._dead_letters += len(event_ids)
        for event_id in event_ids:
            if event_id not in stored:
                key = hash(event_id)
                self._unstored[key % _PARTS].append(key)

    @property
    def counted_twice(self) -> int:
        """So many dead letters are not needed to account for an event."""
        return self._dead_letters - sum(len(set(part)) for part in self._unstored)


def count_counted_twice(connection: Connection, slice_: Slice) -> int:
    """Of the slice's dead letters, those of the open transaction included.

    Takes a while with many dead letters, so it is to be called before the slice's row is locked. The run with the
    slice's fence is the only one to store its events and dead letters, so what is seen is true at the COMMIT if the
    fence is still held then.
    """
    ids = DeadLetterIds()
    after = 0
    while piece := read_dead_letters_after(connection, Chosen(slice_), after):
        after = piece[-1].rejected_id
        event_ids = read_ids(piece, slice_.reader)
        ids.add(event_ids, find_stored(connection, slice_, set(event_ids)))
    return ids.counted_twice
