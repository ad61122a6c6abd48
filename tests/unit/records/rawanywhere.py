"""Layouts of any API, with pages and records of them as bytes: nested, doubled, escaped, null, odd in every place.

Invariant: always the same for a generator's seed.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasync_spider.records.recordreader import RecordReader
from tests.support.sources import paths
from tests.unit.records.readeroracle import Steps

Write = Callable[[], bytes]

_IDS = [b'"a"', b'"56a3-4b"', b"7", b"12", b'"x\xc3\xa9"', b'"caf\\u00e9"', b"1769541612"]
_TIMES = [b"1769541612369", b"1769541612", b'"2026-01-27T19:20:12.369Z"', b'"2026-01-27T19:20:12Z"', b'"1769541612"']
_ODD_TIMES = [b"1769541612.5", b"1.769541612e9"]
_ODD = [
    *(b"null", b"null", b"true", b"1.5", b"-0", b"1.0", b"1e400", b"1180591620717411303424", b'""', b'" "'),
    *(b"[]", b"{}", b'["a",7]', b'[{"id":1},null]', b'{"id":"other"}'),
    *(b'"\\u200b"', b'"\\ud83d\\ude00"', b'"' + b"x" * 1_001 + b'"'),
]
_UNSTORABLE = [b'"\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b"01", b'"\x01"', b"[" * 520 + b"]" * 520]
_AROUND = [b"1", b"1.5", b"null", b'"x"', b'"]},[{\\""', b"[]", b"{}", b'[1,{"id":7}]', b'{"id":[{"data":[1]}]}']
_OTHER_KEYS = ["more", "", "ids", "dat", "Id", "a.a", "@"]


@dataclass(frozen=True)
class Layout:
    records: tuple[Steps, ...]
    ids: tuple[Steps, ...]
    times: tuple[Steps, ...]

    def reader(self) -> RecordReader:
        return RecordReader(*(paths_of(places) for places in (self.records, self.ids, self.times)))


def paths_of(places: Sequence[Steps]) -> Any:
    """By their texts, as a file gives them."""
    return paths(*map(_text, places))


def _text(steps: Steps) -> str:
    if not steps:
        return "@"
    parts = [f"[{step}]" if isinstance(step, int) else f'."{_escaped(step)}"' for step in steps]
    return "".join(parts).removeprefix(".")


def _escaped(name: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", name)


LAYOUTS: dict[str, Layout] = {
    "flat": Layout(
        (("data",), ("events",)), (("id",), ("eventId",), ("event_id",)), (("timestamp",), ("occurredAt",), ("at",))
    ),
    "root list": Layout(((),), (("id",),), (("created_at",),)),
    "nested": Layout((("items",),), (("key", "id"),), (("key", "at"),)),
    "nested deeper": Layout(
        (("result", "page", "items"), ("result", "items")),
        (("fields", "x y", "id"),),
        (("fields", "at"), ("fields", "more", "at")),
    ),
    "values above values": Layout(
        (("data",), ("data", "items"), ("list",)), (("a", "id"), ("a",), ("id",)), (("a",), ("a", "t"))
    ),
    "second element": Layout(((1,),), (("ids", 0),), (("ids", 1), ("at",))),
    "rows": Layout(((-1, "children"), (0, "children")), ((0,),), ((1,), (2,))),
    "elements of elements": Layout((("rows", 0), ("rows", -1), ("rows",)), ((0, "id"), (-1,)), ((1, 0), (1, -1))),
    "bare values": Layout(((), (0,), (0, "x")), ((),), ()),
    "dots and signs": Layout((("@odata.value",),), (("a", "b.c", 0, "d"), ("a", 0)), (("ts",),)),
    "one for both": Layout((("x",),), (("ts",),), (("ts",),)),
    "time above id": Layout((("x",), ("y",)), (("t", "id"), ("id",)), (("t",), ("at", "t"))),
    "no time": Layout((("x",),), (("id",), ("key", "id")), ()),
    "names with escapes": Layout((('i"d', "x"),), (('i"d',), ("id",)), (("t\n",), ("b\\s", "t"))),
    "letters": Layout((("été", "☃"),), (("été", -1, "識別子"), ("id",)), (("été", 0, "t"),)),
}


class Writer:
    """Of one layout."""

    def __init__(self, layout: Layout, pick: random.Random) -> None:
        self._layout = layout
        self._random = pick
        self._page = _tree(layout.records)
        self._record = _tree((*layout.ids, *layout.times))

    def page(self) -> bytes:
        return self._space() + self._along(self._page, self._records, oddness=25) + self._space()

    def record(self) -> bytes:
        if self._seldom(15):
            return self._random.choice(_ODD)
        return self._along(self._record, self._value, oddness=12)

    def _records(self) -> bytes:
        if self._seldom(25):
            return self._random.choice(_AROUND)
        return self._list([self.record() for _ in range(self._random.choice([0, 1, 1, 2, 3, 5]))])

    def _along(self, tree: dict[Any, Any], write: Write, *, oddness: int) -> bytes:
        """A value in which all paths of the tree are, or some, or some of the way."""
        if self._seldom(oddness):
            return self._random.choice([*_AROUND, b"7", b'"x"', b"null"])
        names = [step for step in tree if isinstance(step, str)]
        indexes = [step for step in tree if isinstance(step, int)]
        kinds = {"here": None in tree, "names": names, "list": indexes}
        kind = self._random.choice([kind for kind, is_possible in kinds.items() if is_possible])
        if kind == "here":
            return write()
        if kind == "names":
            members = [self._below(tree, name, write, oddness) for name in names if not self._seldom(6)]
            if self._seldom(8):
                members.append(self._below(tree, self._random.choice(names), write, oddness))
            while self._seldom(2):
                members.append(self._member(self._random.choice(_OTHER_KEYS), self._random.choice(_AROUND)))
            self._random.shuffle(members)
            return b"{" + self._space() + self._comma().join(members) + self._space() + b"}"
        length = max(abs(index) + (index >= 0) for index in indexes) + self._random.choice([0, 0, 0, 0, 1, 1, -1])
        elements = []
        for place in range(max(length, 0)):
            wanted = [tree[index] for index in (place, place - length) if index in tree]
            is_wanted = wanted and not self._seldom(12)
            chosen = self._along(self._random.choice(wanted), write, oddness=oddness) if is_wanted else None
            elements.append(self._random.choice(_AROUND) if chosen is None else chosen)
        return self._list(elements)

    def _below(self, tree: dict[Any, Any], name: str, write: Write, oddness: int) -> bytes:
        return self._member(name, self._along(tree[name], write, oddness=oddness))

    def _value(self) -> bytes:
        kinds = [_IDS, _IDS, _IDS, _TIMES, _TIMES, _TIMES, _ODD_TIMES, _ODD]
        return self._random.choice(_UNSTORABLE if self._seldom(60) else self._random.choice(kinds))

    def _member(self, name: str, value: bytes) -> bytes:
        key = json.dumps(name, ensure_ascii=self._seldom(4)).encode()
        if name and self._seldom(40):
            key = b'"' + b"".join(b"\\u%04x" % ord(character) for character in name) + b'"'
        return key + self._space() + b":" + self._space() + value

    def _list(self, elements: Sequence[bytes]) -> bytes:
        return b"[" + self._space() + self._comma().join(elements) + self._space() + b"]"

    def _comma(self) -> bytes:
        return self._space() + b"," + self._space()

    def _space(self) -> bytes:
        return self._random.choice([b"", b"", b"", b"", b" ", b"\n\t"])

    def _seldom(self, times: int) -> bool:
        return self._random.randrange(times) == 0


def _tree(places: Sequence[Steps]) -> dict[Any, Any]:
    """Steps below steps; None where a path ends."""
    root: dict[Any, Any] = {}
    for steps in places:
        tree = root
        for step in steps:
            tree = tree.setdefault(step, {})
        tree[None] = True
    return root
