"""When each event happened: timestamps and ties as functions of an event's age.

Age 0 is the oldest event, so that events added at the head never change an earlier one. The invariant: timestamps never
decrease with age, and two neighbours are equal exactly where the newer one's rank is not 0. Nothing here reads a clock.

The pattern of one cycle repeats for ever; a cycle is a whole number of minutes, so that the text of its seconds can be
prepared once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from hashlib import shake_128
from itertools import pairwise

BASE_MS = 1_735_689_600_000
"""The beginning of the oldest event's day: 2025-01-01T00:00:00Z."""

STEP_MS = 864
"""The mean distance of two events: 100,000 a day."""

CYCLE_EVENTS = 20_000
CYCLE_MS = CYCLE_EVENTS * STEP_MS

_TIE_PERIOD = 1_000


class Timeline:
    """The timestamps of one seed."""

    def __init__(self, seed: int) -> None:
        random = shake_128(b"timeline:%d" % seed).digest(2 * CYCLE_EVENTS + 2)
        scattered = [int.from_bytes(random[i : i + 2], "big") * STEP_MS >> 16 for i in range(0, 2 * CYCLE_EVENTS, 2)]
        self.ranks = _ranks(10 + int.from_bytes(random[-2:], "big") % 900)
        """For each age of a cycle, how many older neighbours have the same timestamp."""
        # The scattered part is less than a step, so only a rank can make two neighbours equal.
        offsets = [position * STEP_MS + extra for position, extra in enumerate(scattered)]
        self.offsets_ms = [offsets[position - rank] for position, rank in enumerate(self.ranks)]
        """For each age of a cycle, the time since the cycle's beginning."""

    def occurred_ms(self, age: int) -> int:
        """The event's timestamp, in epoch milliseconds."""
        cycle, position = divmod(age, CYCLE_EVENTS)
        return BASE_MS + cycle * CYCLE_MS + self.offsets_ms[position]

    def is_tied(self, age: int) -> bool:
        """Whether the event has the timestamp of the next older one."""
        return self.ranks[age % CYCLE_EVENTS] > 0

    def tied_positions(self) -> list[tuple[int, int]]:
        """The ages of a cycle that share a timestamp with a neighbour, each with its rank."""
        followed = [newer > 0 for _, newer in pairwise([*self.ranks, self.ranks[0]])]
        return [(age, rank) for age, rank in enumerate(self.ranks) if rank or followed[age]]

    def ages_between(self, since_ms: int | None, until_ms: int | None, total: int) -> tuple[int, int]:
        """The ages, first and past the last, of the events from `since_ms` to `until_ms`, both inclusive."""
        ages = range(total)
        first = 0 if since_ms is None else bisect_left(ages, since_ms, key=self.occurred_ms)
        stop = total if until_ms is None else bisect_right(ages, until_ms, key=self.occurred_ms)
        return first, max(first, stop)


def _ranks(offset: int) -> array[int]:
    """About 0.1 % of neighbours tie.

    One in each thousand ages; in each cycle also one run of three, and one across a multiple of 5,000, where pages of a
    feed of round size meet.
    """
    ranks = array("B", bytes(CYCLE_EVENTS))
    for age in range(offset, CYCLE_EVENTS, _TIE_PERIOD):
        ranks[age] = 1
    ranks[offset + 1] = 2
    ranks[CYCLE_EVENTS // 2] = 1
    return ranks
