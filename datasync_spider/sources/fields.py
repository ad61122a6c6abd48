"""What records hold in their first two levels: kinds, nulls, misfits, examples, first and last seen. Pure.

Invariant: memory does not grow with the number of records, whatever they hold. An object with more members than
MOST_MEMBERS is a map, whose members are no fields; beyond MOST_FIELDS no further field is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct, field

from datasync_spider.sources.columns import MOST_MEMBERS, Type, fields_of, fits, kind_of, merged
from datasync_spider.sources.paths import MISSING, Path

MOST_FIELDS: Final = 10_000
_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 40


class Field(Struct):
    """One path. ``present``: how often it was there, null included. ``first``, ``last``: the times of such records.

    ``misfits``: values that its column does not hold. ``objects``, ``others``: how many values were objects, and how
    many something else than an object or null.
    """

    path: Path
    column_type: Type | None = None
    kind: Type | None = None
    present: int = 0
    nulls: int = 0
    misfits: int = 0
    objects: int = 0
    others: int = 0
    examples: list[str] = field(default_factory=list)
    first: Any = None
    last: Any = None

    def add(self, value: Any, seen_at: Any) -> None:
        """One value. ``seen_at``: anything that can be compared, or None."""
        self.present += 1
        if seen_at is not None:
            self.first = seen_at if self.first is None else min(self.first, seen_at)
            self.last = seen_at if self.last is None else max(self.last, seen_at)
        if value is None:
            self.nulls += 1
            return
        self.kind = merged(self.kind, kind_of(value))
        if isinstance(value, dict):
            self.objects += 1
        else:
            self.others += 1
        if self.column_type is not None and not fits(value, self.column_type):
            self.misfits += 1
        if len(self.examples) < _EXAMPLES and (text := example(value)) not in self.examples:
            self.examples.append(text)


class Fields:
    """Of all records that were added. ``columns``: paths of any depth, with the types that misfits are counted by."""

    def __init__(self, columns: Mapping[Path, Type | None] | None = None) -> None:
        self.records = 0
        self.is_cut = False
        self._fields: dict[Path, Field] = {}
        self._members: dict[str | int, int] = {}
        self._columns = dict(columns or {})
        self._deep = [path for path in self._columns if len(path.steps) > 2 or path.names is None]

    def add(self, record: Any, seen_at: Any = None) -> None:
        """One record, as :func:`datasync_spider.sources.columns.record_of` reads it."""
        self.records += 1
        for path, value in fields_of(record):
            found = self._fields.get(path) or self._new(path)
            if found is not None:
                found.add(value, seen_at)
        for path in self._deep:
            if (value := path.read(record)) is not MISSING:
                (self._fields.get(path) or self._made(path)).add(value, seen_at)

    def __iter__(self) -> Iterator[Field]:
        """In the order in which they were met."""
        return iter(self._fields.values())

    def get(self, path: Path) -> Field | None:
        return self._fields.get(path)

    def is_expanded(self, found: Field) -> bool:
        """Whether the field is an object whose members are fields, and nothing else."""
        members = self._members.get(found.path.steps[0], 0)
        return len(found.path.steps) == 1 and found.others == 0 and 0 < members <= MOST_MEMBERS

    def columns(self) -> list[Field]:
        """Those of which a column can be made: of each object its members or the whole, of the rest what has a kind."""
        made = []
        for found in self:
            parent = self._fields.get(Path(found.path.steps[:1])) if len(found.path.steps) > 1 else None
            is_reached = parent is None or self.is_expanded(parent)
            if found.kind is not None and is_reached and not self.is_expanded(found):
                made.append(found)
        return made

    def _new(self, path: Path) -> Field | None:
        is_column = path in self._columns
        if len(path.steps) == 2:
            parent = path.steps[0]
            # One more than there may be is enough to know a map by.
            self._members[parent] = min(self._members.get(parent, 0) + 1, MOST_MEMBERS + 1)
            if self._members[parent] > MOST_MEMBERS and not is_column:
                return None
        if len(self._fields) >= MOST_FIELDS and not is_column:
            self.is_cut = True
            return None
        return self._made(path)

    def _made(self, path: Path) -> Field:
        made = self._fields[path] = Field(path, self._columns.get(path))
        return made


def example(value: Any) -> str:
    """A value as JSON, cut."""
    text = str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _EXAMPLE_CHARACTERS else f"{text[:_EXAMPLE_CHARACTERS]}…"
