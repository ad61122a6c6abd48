"""Cuts a page into its records without looking into them, wherever in its body they stand.

Invariant: only brackets, strings and the commas between values are read, and they must fit: a body that ends early is
truncated_json, one that does not add up is not_json, and neither is ever a shorter page. No recursion deeper than a
path, so that no depth matters; what a record holds is judged later, with its bytes at hand, and what stands around the
records by whoever decodes that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from datasync_spider.errors import PageUnreadable
from datasync_spider.observe.reasons import EMPTY_BODY, NOT_AN_OBJECT, NOT_JSON
from datasync_spider.records.grammar import Ungrammatical, walk
from datasync_spider.records.spans import after, skip_space, string_end, value_end
from datasync_spider.sources.paths import Path

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
T = TypeVar("T")

_TRAILING = re.compile(r"trailing characters \(byte ([0-9]{1,12})\)")

_Found: TypeAlias = tuple[list[T], int, int]
"""The elements of a list, or the members of an object, where it begins and where it ends."""
_List: TypeAlias = _Found[msgspec.Raw]
_Cut: TypeAlias = Callable[[bytes, int], _Found[T] | None]

Member: TypeAlias = tuple[bytes, msgspec.Raw]
"""A key as it is written, and its value."""


class Splitter(Generic[T]):
    """``records``: where they stand, in the order in which they count. Made once a run."""

    def __init__(self, records: Sequence[Path], cut: _Cut[T], empty: bytes) -> None:
        self._root = _Place()
        for rank, path in enumerate(records):
            self._root.add(path, rank)
        self._is_object = all(isinstance(next(iter(path.steps), None), str) for path in records)
        self._cut = cut
        self._empty = empty

    def split(self, text: bytes) -> tuple[list[T] | None, bytes]:
        """The records, and the page with nothing in their place for the decoder to judge.

        The records are None where no path leads to what holds them. Raises PageUnreadable.
        """
        start = skip_space(text, 0)
        if start == len(text):
            raise PageUnreadable(EMPTY_BODY)
        if self._is_object and not text.startswith(b"{", start):
            raise PageUnreadable(NOT_AN_OBJECT if _is_json(text) else NOT_JSON)
        search = _Search(text, self._cut)
        search.value(start, self._root)
        places = [search.found[rank] for rank in sorted(search.found)]
        if not places:
            return None, text
        # An empty list beside one that holds something is no page without records.
        records, begin, end = next((each for each in places if each[0]), places[0])
        return records, b"".join((text[:begin], self._empty, text[end:]))


class PageSplitter(Splitter[msgspec.Raw]):
    """Of records in a list."""

    def __init__(self, records: Sequence[Path]) -> None:
        super().__init__(records, list_at, b"[]")


class MapSplitter(Splitter[Member]):
    """Of records under keys."""

    def __init__(self, records: Sequence[Path]) -> None:
        super().__init__(records, members_at, b"{}")


class _Place:
    """What is wanted of a value: itself, by the rank of the path that ends here, its members, elements of it."""

    def __init__(self) -> None:
        self.rank: int | None = None
        self.members: dict[str, _Place] = {}
        self.elements: dict[int, _Place] = {}

    def add(self, path: Path, rank: int) -> None:
        place = self
        for step in path.steps:
            below: dict[Any, _Place] = place.members if isinstance(step, str) else place.elements
            place = below.setdefault(step, _Place())
        if place.rank is None:
            place.rank = rank

    def ranks(self) -> Iterator[int]:
        """Of all paths that end here or below."""
        if self.rank is not None:
            yield self.rank
        for place in (*self.members.values(), *self.elements.values()):
            yield from place.ranks()


class _Search(Generic[T]):
    """Of what holds records in one text: ``found``, by the rank of its path."""

    def __init__(self, text: bytes, cut: _Cut[T]) -> None:
        self._text = text
        self._cut = cut
        self.found: dict[int, _Found[T]] = {}

    def value(self, begin: int, place: _Place | None) -> int:
        """Where the value ends that begins there, and what is wanted of it."""
        text = self._text
        end = None
        if place is not None:
            if place.rank is not None and (found := self._cut(text, begin)) is not None:
                self.found[place.rank] = found
                end = found[2]
            if place.members and text.startswith(b"{", begin):
                end = self._object(begin, place.members)
            elif place.elements and text.startswith(b"[", begin):
                end = self._elements(begin, place.elements)
        return value_end(text, begin) if end is None else end

    def _object(self, start: int, wanted: dict[str, _Place]) -> int:
        text = self._text
        position = skip_space(text, start + 1)
        if text.startswith(b"}", position):
            return position + 1
        while True:
            key_end = string_end(text, position)
            begin = skip_space(text, after(text, skip_space(text, key_end), b":"))
            place = wanted.get(_name(text[position:key_end]))
            # Of equal names the last counts, as for the decoder.
            for rank in place.ranks() if place else ():
                self.found.pop(rank, None)
            position = skip_space(text, self.value(begin, place))
            if text.startswith(b"}", position):
                return position + 1
            position = skip_space(text, after(text, position, b","))

    def _elements(self, start: int, wanted: dict[int, _Place]) -> int:
        text = self._text
        begins: list[int] = []
        position = skip_space(text, start + 1)
        if text.startswith(b"]", position):
            return position + 1
        while True:
            begins.append(position)
            position = skip_space(text, self.value(position, wanted.get(len(begins) - 1)))
            if text.startswith(b"]", position):
                break
            position = skip_space(text, after(text, position, b","))
        for index, place in wanted.items():
            if -len(begins) <= index < 0:
                self.value(begins[index], place)
        return position + 1


def _is_json(text: bytes) -> bool:
    try:
        walk(text)
    except Ungrammatical:
        return False
    return True


def list_at(text: bytes, start: int) -> _List | None:
    """None where something else stands there. Raises PageUnreadable."""
    if not text.startswith(b"[", start):
        return None
    return list_at_once(text, start) or list_by_elements(text, start)


def members_at(text: bytes, start: int) -> _Found[Member] | None:
    """Those of an object; none of an empty list, which is how PHP writes a map without members.

    None where something else stands there. Raises PageUnreadable.
    """
    if text.startswith(b"[", start):
        position = skip_space(text, start + 1)
        return ([], start, position + 1) if text.startswith(b"]", position) else None
    if not text.startswith(b"{", start):
        return None
    members: list[Member] = []
    view = memoryview(text)
    position = skip_space(text, start + 1)
    if text.startswith(b"}", position):
        return members, start, position + 1
    while True:
        key_end = string_end(text, position)
        begin = skip_space(text, after(text, skip_space(text, key_end), b":"))
        end = value_end(text, begin)
        members.append((text[position:key_end], msgspec.Raw(view[begin:end])))
        position = skip_space(text, end)
        if text.startswith(b"}", position):
            return members, start, position + 1
        position = skip_space(text, after(text, position, b","))


def list_at_once(text: bytes, start: int) -> _List | None:
    """Where the fast decoder takes it. It does not check the UTF-8 of what it keeps raw."""
    view = memoryview(text)
    # Mostly it is the last list of a body. Where not, the decoder says at which byte, counted from 1, something else
    # begins. What it takes is that list for certain, for no list has two ends.
    end = text.rfind(b"]", start) + 1
    for _ in range(2):
        try:
            return _decode_list(view[start:end]), start, end
        except msgspec.DecodeError as error:
            trailing = _TRAILING.search(str(error))
            if trailing is None:
                return None
            end = text.rfind(b"]", start, start + int(trailing[1]) - 1) + 1
        except (UnicodeDecodeError, RecursionError):
            return None
    return None


def list_by_elements(text: bytes, start: int) -> _List:
    """Whatever its elements hold; about a hundred times slower. Raises PageUnreadable."""
    elements: list[msgspec.Raw] = []
    view = memoryview(text)
    position = skip_space(text, start + 1)
    if text.startswith(b"]", position):
        return elements, start, position + 1
    while True:
        end = value_end(text, position)
        elements.append(msgspec.Raw(view[position:end]))
        position = skip_space(text, end)
        if text.startswith(b"]", position):
            return elements, start, position + 1
        position = skip_space(text, after(text, position, b","))


def _name(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""  # none that we look for
