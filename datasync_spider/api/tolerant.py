"""Cuts a page into its records without looking into them, wherever in its body they stand.

Invariant: only brackets, strings and the commas between values are read, and they must fit: a body that ends early is
truncated_json, one that does not add up is not_json, and neither is ever a shorter page. No recursion deeper than a
path, so that no depth matters; what a record holds is judged later, with its bytes at hand, and what stands around the
records by whoever decodes that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from datasync_spider.api.grammar import Ungrammatical, walk
from datasync_spider.api.spans import after, skip_space, string_end, value_end
from datasync_spider.errors import PageUnreadable
from datasync_spider.reasons import EMPTY_BODY, NOT_AN_OBJECT, NOT_JSON
from datasync_spider.sources.paths import Path

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_TRAILING = re.compile(r"trailing characters \(byte ([0-9]{1,12})\)")

_List: TypeAlias = tuple[list[msgspec.Raw], int, int]
"""The elements of a list, where it begins and where it ends."""


class PageSplitter:
    """``records``: where they stand, in the order in which they count. Made once a run."""

    def __init__(self, records: Sequence[Path]) -> None:
        self._root = _Place()
        for rank, path in enumerate(records):
            self._root.add(path, rank)
        self._is_object = all(isinstance(next(iter(path.steps), None), str) for path in records)

    def split(self, text: bytes) -> tuple[list[msgspec.Raw] | None, bytes]:
        """The records, and the page with an empty list in their place for the decoder to judge.

        The records are None where no path leads to a list. Raises PageUnreadable.
        """
        start = skip_space(text, 0)
        if start == len(text):
            raise PageUnreadable(EMPTY_BODY)
        if self._is_object and not text.startswith(b"{", start):
            raise PageUnreadable(NOT_AN_OBJECT if _is_json(text) else NOT_JSON)
        search = _Search(text)
        search.value(start, self._root)
        lists = [search.found[rank] for rank in sorted(search.found)]
        if not lists:
            return None, text
        # An empty list beside one that holds something is no page without records.
        records, begin, end = next((each for each in lists if each[0]), lists[0])
        return records, b"".join((text[:begin], b"[]", text[end:]))


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


class _Search:
    """Of the lists in one text: ``found``, by the rank of their path."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.found: dict[int, _List] = {}

    def value(self, begin: int, place: _Place | None) -> int:
        """Where the value ends that begins there, and what is wanted of it."""
        text = self._text
        if place is not None and text.startswith(b"{", begin) and place.members:
            return self._object(begin, place.members)
        if place is not None and text.startswith(b"[", begin):
            end = None
            if place.rank is not None:
                self.found[place.rank] = _, _, end = list_at_once(text, begin) or list_by_elements(text, begin)
            if place.elements:
                end = self._elements(begin, place.elements)
            if end is not None:
                return end
        return value_end(text, begin)

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
