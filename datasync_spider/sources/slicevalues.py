"""What may be a slice, wherever it comes from: a file, a command, a stored record.

Invariant: all slices of a stream have the same names; no two have one name in storage, nor would they ask for the same.
Messages hold no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.spec import SlicesFromStream, SliceValues, Stream

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
LONGEST_NAME_BYTES = 1_000
"""Of the canonical JSON."""
MOST_SLICES = 100_000
"""Of one stream."""


class TooManySlices(ValueError):
    """One slice more than a stream can have."""


def check_value(name: str, value: Any) -> None:
    """Raises ValueError for what cannot stand under the name."""
    if not NAME.fullmatch(name):
        raise ValueError("its name is no name of a slot")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("it is neither a text nor a whole number")
    if value == "":
        raise ValueError("it is empty")


def check_name(values: SliceValues) -> None:
    """Raises ValueError for values that make no name of a slice together."""
    if len(canonical(values).encode()) > LONGEST_NAME_BYTES:
        raise ValueError(f"it is longer than {LONGEST_NAME_BYTES:,} bytes")


def checked_values(values: Any) -> SliceValues:
    """The values of one slice. Raises ValueError."""
    if not isinstance(values, dict) or not values:
        raise ValueError("it is no object with names and values")
    for name, value in values.items():
        try:
            check_value(name, value)
        except ValueError as error:
            raise ValueError(f"{name[:63]!a}: {error}") from None
    check_name(values)
    return values


def request_of(values: SliceValues) -> tuple[tuple[str, str], ...]:
    """What is asked for with the values: the same for 7 and "7"."""
    return tuple(sorted((name, str(value)) for name, value in values.items()))


class DistinctSlices:
    """Takes in slices one by one."""

    def __init__(self) -> None:
        self._by_request: dict[tuple[tuple[str, str], ...], SliceValues] = {}

    def __iter__(self) -> Iterator[SliceValues]:
        return iter(self._by_request.values())

    def __len__(self) -> int:
        return len(self._by_request)

    def add(self, values: SliceValues) -> bool:
        """Whether it is a new one. Raises ValueError where it has other names than the first, or there are too many."""
        first = next(iter(self._by_request.values()), values)
        if values.keys() != first.keys():
            raise ValueError(f"it has other names than the first one, which has {', '.join(first)}")
        request = request_of(values)
        if request in self._by_request:
            return False
        if len(self._by_request) >= MOST_SLICES:
            raise TooManySlices(f"there are more than {MOST_SLICES:,}, which is the most that a stream can have")
        self._by_request[request] = values
        return True


def slice_names(stream: Stream) -> frozenset[str] | None:
    """The names that the stream's slices have; None where only a command knows them."""
    match stream.slices_from:
        case SlicesFromStream(values=values):
            return frozenset(values)
        case None:
            return frozenset(stream.slices[0] if stream.slices else ())
    return None
