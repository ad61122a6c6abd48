"""Reads the slices of a stream: tables of texts and whole numbers, which all have the same names.

Invariant: no two slices have one name in storage, nor would they ask for the same.
"""

from __future__ import annotations

import re
from typing import Any

from datasync_spider.sources.files.keys import Keys
from datasync_spider.sources.files.kinds import text_of
from datasync_spider.sources.files.tables import MASK, Table, shown
from datasync_spider.sources.secretnames import may_be_secret
from datasync_spider.sources.slicenames import canonical
from datasync_spider.sources.spec import SliceValues

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
LONGEST_NAME_BYTES = 1_000
"""Of the canonical JSON."""

_SLICES = 'a list of tables such as [{ owner = "scrapy", repo = "parsel" }]'
_VALUES = "texts and whole numbers, under names of letters, digits, - and _"


def read_slices(table: Table) -> tuple[SliceValues, ...]:
    """In their order; none for a stream that is not sliced."""
    given = table.raw("slices")
    if "slices" not in table:
        return ()
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        why = "it is an empty list" if given == [] else "it is no list of tables"
        table.refuse("slices", why, _SLICES, shown(given))
        return ()
    found: list[SliceValues] = []
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    for index, values in enumerate(given):
        key = f"slices[{index}]"
        if not _is_right(table, key, values):
            continue
        if values.keys() != given[0].keys():
            names = ", ".join(given[0])
            table.note(key, f"has other names than slices[0]; allowed: {names}, as in the first one")
        asked = tuple(sorted((name, str(value)) for name, value in values.items()))
        if asked in seen:
            table.note(key, f"is the same as slices[{seen[asked]}]; allowed: each slice once")
        seen.setdefault(asked, index)
        found.append(values)
    return tuple(found)


def _is_right(table: Table, key: str, values: dict[str, Any]) -> bool:
    before = len(table.mistakes.texts)
    if not values:
        table.note(key, f"is empty; allowed: {_VALUES}")
    inner = table.inner(key, values, Keys(tuple(values)))
    for name, value in values.items():
        try:
            _check(name, value)
        except ValueError as error:
            inner.refuse(name, error, _VALUES, MASK if may_be_secret(name) else shown(value))
    if before == len(table.mistakes.texts):
        _check_name(table, key, values)
    return before == len(table.mistakes.texts)


def _check(name: str, value: Any) -> None:
    if not NAME.fullmatch(name):
        raise ValueError("its name is no name of a slot")
    if isinstance(value, bool) or not isinstance(value, int):
        text_of(value)


def _check_name(table: Table, key: str, values: SliceValues) -> None:
    try:
        if len(canonical(values).encode()) > LONGEST_NAME_BYTES:
            raise ValueError(f"it is longer than {LONGEST_NAME_BYTES:,} bytes")
    except ValueError as error:
        table.refuse(key, error, f"{_VALUES}, at most {LONGEST_NAME_BYTES:,} bytes as JSON", "a table")
