"""Reads the slices of a stream: tables of texts and whole numbers with the same names in all, or where they are from.

Invariant: no two slices have one name in storage, nor would they ask for the same.
"""

from __future__ import annotations

from typing import Any

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.keys import Keys
from datasync_spider.sources.files.kinds import PATH_ALLOWED, path_of, plain_name, text_of
from datasync_spider.sources.files.tables import MASK, Kind, Table, masked, shown
from datasync_spider.sources.paths import Path
from datasync_spider.sources.secretnames import MARK, may_be_secret
from datasync_spider.sources.slicevalues import (
    LONGEST_NAME_BYTES,
    MOST_SLICES,
    NAME,
    check_name,
    check_value,
    request_of,
)
from datasync_spider.sources.slots import SLICE, slots
from datasync_spider.sources.spec import OfSlice, SlicesFromCommand, SlicesFromStream, SliceSource, SliceValues

_SLICES = (
    'a list of tables such as [{ owner = "scrapy", repo = "parsel" }], { command = ["./tenants.sh"] }, or'
    ' { stream = "issues", values = { number = "number" } }'
)
_COMMAND = 'a list of texts such as ["./tenants.sh", "--all"], which no shell reads and no secret stands in'
_VALUES = "texts and whole numbers, under names of letters, digits, - and _"
_PLACES = f"{PATH_ALLOWED}, or {{{SLICE}NAME}} of that stream's own slices"


def read_slices(table: Table) -> tuple[SliceValues, ...]:
    """In their order; none for a stream that is not sliced, or whose slices are from elsewhere."""
    given = table.raw("slices")
    if "slices" not in table or isinstance(given, dict):
        return ()
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        why = "it is an empty list" if given == [] else "it is no list of tables"
        table.refuse("slices", why, _SLICES, shown(given))
        return ()
    if len(given) > MOST_SLICES:
        table.note("slices", f"has {len(given):,} slices; allowed: at most {MOST_SLICES:,}")
    found: list[SliceValues] = []
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    for index, values in enumerate(given):
        key = f"slices[{index}]"
        if not _is_right(table, key, values):
            continue
        if values.keys() != given[0].keys():
            names = ", ".join(given[0])
            table.note(key, f"has other names than slices[0]; allowed: {names}, as in the first one")
        asked = request_of(values)
        if asked in seen:
            table.note(key, f"is the same as slices[{seen[asked]}]; allowed: each slice once")
        seen.setdefault(asked, index)
        found.append(values)
    return tuple(found)


def read_slices_from(table: Table) -> SliceSource | None:
    """None where they stand in the file, or the stream has none."""
    given = table.raw("slices")
    if not isinstance(given, dict):
        return None
    if "command" not in given and "stream" not in given:
        table.refuse("slices", "it is no list of tables, and has neither command nor stream", _SLICES, shown(given))
        return None
    inner = table.inner("slices", given, keys.SLICES)
    if "command" in inner and "stream" in inner:
        inner.note("command", "stands beside stream; allowed: one of the two")
        return None
    if "command" in inner:
        if "values" in inner:
            inner.note("values", "stands beside command; allowed: with stream")
        return SlicesFromCommand(command=inner.need("command", _command(), ()))
    stream = inner.need("stream", plain_name(), "")
    return SlicesFromStream(stream=stream, values=_places(inner))


def _command() -> Kind[tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("it is no list of texts")
        texts = tuple(map(text_of, value))
        if any(MARK in text for text in texts):
            raise ValueError(
                "a secret in it could be seen by anybody on the host: the command finds it in its environment"
            )
        if any("\0" in text for text in texts):
            raise ValueError("no command can be given a NUL")
        return texts

    return Kind(read, _COMMAND, masked)


def _places(inner: Table) -> dict[str, Path | OfSlice]:
    given = inner.raw("values")
    if not isinstance(given, dict) or not given:
        inner.note("values", 'is missing, or no table; allowed: a table such as { number = "number" }')
        return {}
    values = inner.inner("values", given, Keys(tuple(given)))
    found = {name: values.take(name, _place(name), None) for name in given}
    return {name: place for name, place in found.items() if place is not None}


def _place(name: str) -> Kind[Path | OfSlice]:
    def read(value: Any) -> Path | OfSlice:
        if not NAME.fullmatch(name):
            raise ValueError("its name is no name of a slot")
        text = text_of(value)
        if "{" in text:
            named = slots(text)
            if len(named) != 1 or text != f"{{{named[0]}}}" or not named[0].startswith(SLICE):
                raise ValueError("it is no path, and more or less than one slot")
            return OfSlice(name=named[0].removeprefix(SLICE))
        return path_of(text)

    return Kind(read, _PLACES)


def _is_right(table: Table, key: str, values: dict[str, Any]) -> bool:
    before = len(table.mistakes.texts)
    if not values:
        table.note(key, f"is empty; allowed: {_VALUES}")
    inner = table.inner(key, values, Keys(tuple(values)))
    for name, value in values.items():
        try:
            check_value(name, value)
        except ValueError as error:
            inner.refuse(name, error, _VALUES, MASK if may_be_secret(name) else shown(value))
    if before == len(table.mistakes.texts):
        try:
            check_name(values)
        except ValueError as error:
            table.refuse(key, error, f"{_VALUES}, at most {LONGEST_NAME_BYTES:,} bytes as JSON", "a table")
    return before == len(table.mistakes.texts)
