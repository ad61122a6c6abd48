"""What stands at the paths of many JSON values, as one column for each path, by the fast decoder.

Invariant: a column holds what its path leads to, None where that is nothing or null; of equal keys the last counts, on
each level. Whatever else than text and whole numbers stands where an id may stand is refused, with all values at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from datasync_spider.sources.paths import Path

Column: TypeAlias = list[Any]
_Step: TypeAlias = Callable[[Column], Column]


class Columns:
    """``ids`` and ``times``: for each path what makes its column out of what :meth:`decode` gives.

    Made once a run. Raises ValueError for names that the decoder cannot look for: those with quotes, backslashes or
    control characters.
    """

    def __init__(self, ids: Iterable[Path], times: Iterable[Path]) -> None:
        ids, times = tuple(ids), tuple(times)
        root = _Place()
        for path in ids:
            root.at(path).is_id = True
        for path in times:
            root.at(path).is_time = True
        self.decode = _decoder(root)
        self.ids = [_along(root, path) for path in ids]
        self.times = [_along(root, path) for path in times]


class _Place:
    """What is wanted of a value: itself, its members, elements of it."""

    def __init__(self) -> None:
        self.is_id = False
        self.is_time = False
        self.members: dict[str, _Place] = {}
        self.elements: dict[int, _Place] = {}
        self._type: Any = None

    def at(self, path: Path) -> _Place:
        place = self
        for step in path.steps:
            below: dict[Any, _Place] = place.members if isinstance(step, str) else place.elements
            place = below.setdefault(step, _Place())
        return place

    def attribute(self, name: str) -> str:
        """Of the struct that an object is read as."""
        return f"member{list(self.members).index(name)}"

    @property
    def type(self) -> Any:
        if self._type is None:
            self._type = self._made_type()
        return self._type

    def _made_type(self) -> Any:
        if self.is_time and not (self.is_id or self.members or self.elements):
            return Any
        kinds: Any = None
        if self.is_id or self.is_time:
            kinds |= str | int
        if self.members:
            names = {self.attribute(name): name for name in self.members}
            fields = [(self.attribute(name), place.type, None) for name, place in self.members.items()]
            kinds |= msgspec.defstruct("Members", fields, rename=names, gc=False)
        if self.elements:
            # Of any types, so that only those that are wanted are looked into.
            kinds |= list[msgspec.Raw]
        # Where nothing is wanted of them, all that is counted is how many there are.
        return msgspec.Raw if kinds is None else kinds


def _decoder(place: _Place) -> Callable[[bytes], Column]:
    # A float would lose digits of a time: its text is kept instead, and reads as the same number.
    return msgspec.json.Decoder(list[place.type], float_hook=str).decode  # type: ignore[name-defined] # made just now


def _along(root: _Place, path: Path) -> _Step:
    steps: list[_Step] = []
    names: list[str] = []
    place = root
    for step in path.steps:
        if isinstance(step, str):
            names.append(place.attribute(step))
            place = place.members[step]
            continue
        if names:
            steps.append(_members(names))
            names = []
        place = place.elements[step]
        steps.append(_elements(step, _decoder(place)))
    if names:
        steps.append(_members(names))
    return steps[0] if len(steps) == 1 else _one_after_another(steps)


def _one_after_another(steps: list[_Step]) -> _Step:
    def follow(values: Column) -> Column:
        for step in steps:
            values = step(values)
        return values

    return follow


def _members(attributes: list[str]) -> _Step:
    get = attrgetter(".".join(attributes))

    def follow(values: Column) -> Column:
        try:
            return list(map(get, values))
        except AttributeError:  # one of them has no object on the way
            for attribute in attributes:
                values = [getattr(value, attribute, None) for value in values]
            return values

    return follow


def _elements(index: int, decode: Callable[[bytes], Column]) -> _Step:
    def element(value: Any) -> msgspec.Raw | bytes:
        return value[index] if type(value) is list and -len(value) <= index < len(value) else b"null"

    return lambda values: decode(b"[" + b",".join(map(element, values)) + b"]")
