"""The events themselves: computed from seed and age, in blocks, never stored.

The invariant: the bytes of an event depend on the seed, the edition and its age alone (age 0 is the oldest), whatever
the feed's size, the block in which it is made or the process that makes it; no two events share an id. Editions of one
seed have equal ids and times, and no event in common. No clock, no I/O, no cache of blocks belongs here.
"""

import re
import sys
from array import array
from collections.abc import Sequence
from functools import cache
from hashlib import shake_128
from uuid import UUID

from mock_api.fragments import build_fragments
from mock_api.stamps import StampText
from mock_api.timeline import CYCLE_EVENTS, Timeline
from mock_api.uuids import columns_of, split_rows, uuid_rows

BLOCK_EVENTS = 1_000
MAX_EVENTS = 4_000_000_000
"""An id has room for an age of 32 bits."""

_HEAD_BYTES = 10
_ID_PREFIX = b'{"id":"'
_ID_ROW = len(_ID_PREFIX) + 36
_NAME_LENGTH = 6
_PARTS = 8
_RANDOM_BYTES = _HEAD_BYTES + 1 + 2 + _NAME_LENGTH
_NAME_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyz"
EDITIONS = len(_NAME_ALPHABET)
_NEXT_EVENT = re.compile(rb',\{"id":"')


class Block:
    """Neighbouring events as one text: newest first, separated by commas."""

    __slots__ = ("_starts", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._starts: list[int] | None = None

    def cut(self, first: int, stop: int) -> bytes:
        """The events at positions `first` to `stop` of the block, as one text."""
        if first == 0 and stop == BLOCK_EVENTS:
            return self.data
        if self._starts is None:
            # Found on demand: most blocks are served whole.
            self._starts = [0, *(match.start() + 1 for match in _NEXT_EVENT.finditer(self.data)), len(self.data) + 1]
        return self.data[self._starts[first] : self._starts[stop] - 1]


class EventFactory:
    """Makes the events of one seed, in one edition."""

    def __init__(self, seed: int, edition: int = 0) -> None:
        self.seed = seed
        self._name_characters = bytes(_NAME_ALPHABET[(value + edition) % EDITIONS] for value in range(256))
        self._fragments = build_fragments(seed)
        self.timeline = Timeline(seed)
        self._stamps = StampText(self.timeline)
        self._tied = _by_block(self.timeline.tied_positions())
        mask = shake_128(b"mask:%d" % seed).digest(6)
        self._age_mask, self._mark = int.from_bytes(mask[:4], "big"), mask[4:]

    def block(self, number: int) -> Block:
        """The events of ages `number * BLOCK_EVENTS` and up, newest first."""
        oldest = number * BLOCK_EVENTS
        stop = oldest + BLOCK_EVENTS
        random = columns_of(
            shake_128(b"events:%d:%d" % (self.seed, number)).digest(_RANDOM_BYTES * BLOCK_EVENTS), BLOCK_EVENTS
        )
        heads, choices, names = random[:_HEAD_BYTES], random[_HEAD_BYTES:-_NAME_LENGTH], random[-_NAME_LENGTH:]
        owners, kinds = choices[0], _sixteen_bits(choices[1] + choices[2])
        tables = self._fragments
        owner, session = tables.active_in(number)
        time_heads, time_tails = self._stamps.parts(oldest, stop)

        # Parts of all events side by side, joined once: several times faster than an f-string for each event.
        parts: list[bytes] = [b""] * (_PARTS * BLOCK_EVENTS)
        parts[0::_PARTS] = split_rows(self._id_rows(oldest, heads), _ID_ROW)
        parts[1::_PARTS] = map(owner.__getitem__, owners)
        parts[2::_PARTS] = map(tables.kind.__getitem__, kinds)
        parts[3::_PARTS] = split_rows(b"".join(names).translate(self._name_characters), _NAME_LENGTH)
        parts[4::_PARTS] = map(tables.properties.__getitem__, kinds)
        parts[5::_PARTS] = time_heads
        parts[6::_PARTS] = time_tails
        parts[7::_PARTS] = map(session.__getitem__, owners)
        return Block(b"".join(parts)[:-1])

    def event(self, age: int) -> bytes:
        """One event."""
        number, offset = divmod(age, BLOCK_EVENTS)
        position = BLOCK_EVENTS - 1 - offset
        return self.block(number).cut(position, position + 1)

    def age_of(self, event_id: str) -> int | None:
        """The age that an id of this seed claims; the caller compares the id with that event's own."""
        try:
            raw = UUID(event_id).bytes
        except ValueError:
            return None
        tail = bytes(a ^ b for a, b in zip(raw[_HEAD_BYTES:], raw, strict=False))
        return int.from_bytes(tail[:4], "big") ^ self._age_mask if tail[4:] == self._mark else None

    def _id_rows(self, oldest: int, heads: list[bytes]) -> bytes:
        """An id's first ten bytes are random; the last six are its age and a mark of the seed, hidden by the first six.

        So ids are unique by construction, and an id leads back to its event without an index.
        """
        heads[0] = self._in_tie_order(oldest // BLOCK_EVENTS, heads[0])
        ages = array("I", [age ^ self._age_mask for age in range(oldest + BLOCK_EVENTS - 1, oldest - 1, -1)])
        if sys.byteorder == "little":
            ages.byteswap()
        age_bytes = ages.tobytes()
        plain = [age_bytes[column::4] for column in range(4)] + [bytes([mark]) * BLOCK_EVENTS for mark in self._mark]
        hidden = int.from_bytes(b"".join(plain), "big") ^ int.from_bytes(b"".join(heads[:6]), "big")
        tails = columns_of(hidden.to_bytes(6 * BLOCK_EVENTS, "big"), BLOCK_EVENTS)
        return uuid_rows([*heads, *tails], _ID_PREFIX)

    def _in_tie_order(self, number: int, first_bytes: bytes) -> bytes:
        """Where timestamps tie, the newer event gets the greater id: its rank becomes the id's two highest bits."""
        changed = bytearray(first_bytes)
        for offset, rank in self._tied[number % len(self._tied)]:
            position = BLOCK_EVENTS - 1 - offset
            changed[position] = changed[position] & 0x3F | rank << 6
        return bytes(changed)


@cache
def factory_for(seed: int, edition: int = 0) -> EventFactory:
    """The factory of a seed, made once: its tables take a tenth of a second."""
    return EventFactory(seed, edition)


def event_bytes(i: int, seed: int, total: int) -> bytes:
    """The event at position `i` of a feed of `total` events, newest first: the ground truth for a comparison.

    After `grow` by K, position `i` of the old feed is position `i + K` of `total + K`.
    """
    if not 0 <= i < total:
        raise IndexError(f"position {i} is outside of a feed of {total} events")
    return factory_for(seed).event(total - 1 - i)


def _by_block(tied: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    blocks: list[list[tuple[int, int]]] = [[] for _ in range(CYCLE_EVENTS // BLOCK_EVENTS)]
    for age, rank in tied:
        blocks[age // BLOCK_EVENTS].append((age % BLOCK_EVENTS, rank))
    return blocks


def _sixteen_bits(data: bytes) -> Sequence[int]:
    numbers = array("H", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
