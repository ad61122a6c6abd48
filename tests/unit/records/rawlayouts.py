"""Layouts of any API's pages, and pages of them as bytes: nested, doubled, escaped, null and odd in every place.

Invariant: always the same for a generator's seed. What stands in the places is of :mod:`tests.unit.records.rawpages`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.unit.records import rawpages

Path: TypeAlias = tuple[str, ...]
Write: TypeAlias = Callable[[], bytes]


@dataclass(frozen=True)
class Layout:
    """As for a Scanner: alternatives of paths, each of names."""

    records: tuple[Path, ...]
    ids: tuple[Path, ...]
    times: tuple[Path, ...]


def _layout(records: str, ids: str, times: str) -> Layout:
    """Alternatives between spaces, names between slashes; @ is the body itself."""

    def paths(text: str) -> tuple[Path, ...]:
        return tuple(() if path == "@" else tuple(path.split("/")) for path in text.split())

    return Layout(paths(records), paths(ids), paths(times))


_EIGHT = "a/a/a/a/a/a/a/a"
LAYOUTS = [
    _layout("data events", "id eventId event_id", "timestamp occurredAt occurred_at"),
    _layout("@", "id", "created"),
    _layout("@ data data/items", "id", ""),
    _layout("response/items", "meta/id id", "meta/at meta/id"),
    _layout("result/edges edges", "node/id node/key/id", "node/times/created node/times/updated node/id"),
    _layout("data/a data/b data/c/d", "a a/a a/a/a", "a/b b a/a"),
    _layout(_EIGHT, f"{_EIGHT} a/a", f"a/b {_EIGHT}"),
    _layout("a b c d e f g h", "a b c d e f g h", "h g f e d c b a"),
    _layout("@odata.value été/☃", "été/id 識別子", "été/être"),
    _layout("sieben siebene", "zwölf_bytes achtacht " + "x" * 255, "y" * 64 + " " + "y" * 65),
]

_AROUND = [b"1", b"true", b"null", b'"x"', b'"]}"', b"[]", b"{}", b'[1,{"id":7}]', b'{"id":"other","data":[1]}']
_OTHER_KEYS = ["more", "", "ids", "dat", "i", "A", "x" * 254, "y" * 66, "a.a"]
_NO_OBJECTS = [b"null", b"7", b'"x"', b"[]", b'[{"id":"a"}]', b"true"]


class Writer:
    """Pages of one layout."""

    def __init__(self, layout: Layout, pick: random.Random) -> None:
        self._layout = layout
        self._random = pick
        self._names = sorted({name for path in (*layout.records, *layout.ids, *layout.times) for name in path})

    def page(self) -> bytes:
        """Most have one array of records, where one of the paths leads."""
        place = self._random.choice(self._layout.records)
        return self._space() + self._around(place, self._records) + self._space()

    def _around(self, path: Path, write: Write) -> bytes:
        """What a path leads through, with other members around, and seldom with one that must not be there."""
        if not path:
            return write()
        members = [self._member(path[0], self._around(path[1:], write))]
        while self._seldom(2):
            name = self._random.choice([*_OTHER_KEYS, *self._names] if self._seldom(12) else _OTHER_KEYS)
            members.insert(self._random.randrange(len(members) + 1), self._member(name, self._random.choice(_AROUND)))
        if self._seldom(40):
            again = self._around(path[1:], write) if self._seldom(2) else self._random.choice(_NO_OBJECTS)
            members.append(self._member(path[0], again))
        return self._object(members)

    def _records(self) -> bytes:
        many = [self._record() for _ in range(self._random.randrange(5))]
        return b"[" + self._space() + self._comma().join(many) + self._space() + b"]"

    def _record(self) -> bytes:
        if self._seldom(12):
            return self._random.choice(_AROUND)
        members = [self._to_place(path) for path in self._layout.ids if not self._seldom(3)]
        members += [self._to_place(path) for path in self._layout.times if not self._seldom(3)]
        members += [self._member(self._random.choice(_OTHER_KEYS), self._random.choice(_AROUND))] * self._seldom(2)
        self._random.shuffle(members)
        return self._object(members)

    def _to_place(self, path: Path) -> bytes:
        """A member that leads to a place, or some of the way: a name above several places comes several times."""
        if len(path) == 1 or self._seldom(10):
            return self._member(path[0], self._value())
        below = [self._to_place(path[1:])] * (not self._seldom(8))
        while self._seldom(3):
            name = self._random.choice(self._names)
            below.insert(self._random.randrange(len(below) + 1), self._member(name, self._value()))
        return self._member(path[0], self._object(below))

    def _value(self) -> bytes:
        kinds = [rawpages.IDS, rawpages.TIMES, rawpages.IDS, rawpages.TIMES, _NO_OBJECTS, [b"{}", b'{"a":{}}', b"null"]]
        odd = [rawpages.ODD_IDS, rawpages.ODD_TIMES, rawpages.ODD_OTHERS]
        return self._random.choice(self._random.choice(odd if self._seldom(15) else kinds))

    def _member(self, name: str, value: bytes) -> bytes:
        key = json.dumps(name, ensure_ascii=False).encode()
        if name and self._seldom(60):
            key = b'"' + b"".join(b"\\u%04x" % ord(character) for character in name) + b'"'
        return key + self._space() + b":" + self._space() + value

    def _object(self, members: Sequence[bytes]) -> bytes:
        return b"{" + self._space() + self._comma().join(members) + self._space() + b"}"

    def _comma(self) -> bytes:
        return self._space() + b"," + self._space()

    def _space(self) -> bytes:
        return self._random.choice([b"", b"", b"", b"", b" ", b"\n\t"])

    def _seldom(self, times: int) -> bool:
        return self._random.randrange(times) == 0
