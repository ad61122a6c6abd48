"""Rows of COPY in their bytes, and the ids of those that are in flight, where no one could compile them.

Invariant: :class:`EncodedRows` and :class:`IdsInFlight` do what ``Rows`` and ``InFlight`` of the compiled module do; a
program uses those or these, never both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Self


class EncodedRows:
    """Each row as bytes, beside its id. Never changes."""

    __slots__ = ("_event_ids", "_rows")

    def __init__(self, event_ids: list[str], rows: list[bytes]) -> None:
        self._event_ids = event_ids
        self._rows = rows

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """All of these, one behind the other."""
        return cls(list(chain.from_iterable(part.event_ids() for part in parts)), list(chain.from_iterable(parts)))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __getitem__(self, place: int) -> bytes:
        return self._rows[place]

    def event_ids(self) -> list[str]:
        return self._event_ids.copy()

    def only(self, picks: list[bool]) -> Self:
        """Those whose pick is true, in the same order."""
        return type(self)(list(compress(self._event_ids, picks)), list(compress(self._rows, picks)))

    def part(self, start: int, stop: int) -> Self:
        """The rows of these places."""
        return type(self)(self._event_ids[start:stop], self._rows[start:stop])

    def in_order(self) -> Self:
        """The same in the order of their ids."""
        # Texts are compared at half the cost of the bytes that they are encoded in, and have the same order.
        places = sorted(range(len(self._rows)), key=self._event_ids.__getitem__)
        return type(self)([self._event_ids[place] for place in places], [self._rows[place] for place in places])

    def piece(self, start: int, stop: int, prefix: bytes) -> bytes:
        """The bytes of the rows of these places, one behind the other, each behind the prefix."""
        return prefix.join([b"", *self._rows[start:stop]])


class IdsInFlight:
    """The ids of rows that are on their way, each as often as it was added."""

    def __init__(self) -> None:
        self._times = Counter[str]()

    def __len__(self) -> int:
        return self._times.total()

    def add(self, rows: EncodedRows) -> int:
        """Takes the rows' ids in; gives how many have been there already or come twice."""
        before = len(self._times)
        event_ids = rows.event_ids()
        self._times.update(event_ids)
        return len(event_ids) - (len(self._times) - before)

    def held(self, rows: EncodedRows) -> list[bool]:
        """For each of the rows whether its id is in flight."""
        return [event_id in self._times for event_id in rows.event_ids()]

    def remove(self, rows: EncodedRows) -> None:
        """Takes the rows' ids out once. Raises ValueError where one is not there."""
        for event_id in rows.event_ids():
            times = self._times.pop(event_id, 0)
            if times == 0:
                raise ValueError("an id that is not in flight cannot be taken out")
            if times > 1:
                self._times[event_id] = times - 1
