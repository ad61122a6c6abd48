"""Reads where a stream's records stand, and what of each is its id, its time, its version and its end.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, path, path_of, paths, scalar, text_of
from datasync_spider.sources.files.tables import Kind, Table, guess
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Shape, Tombstone
from datasync_spider.sources.timeformats import TIME_FORMATS, check_pattern, zone_of
from datasync_spider.sources.userclasses import PYTHON, is_place

_BODY = (Path(),)
_SHAPES = "list, map, wrapped:PATH, scalars, columns:PATH or python:package.module:Class"
_RECORDS = 'a path, "@" for the body itself, a list of paths, or a table such as { path = "data", shape = "map" }'
_ANY, _ALL, _HASH = ("any", "all", "hash")
_OF_NUMBERS = ("s", "ms", "us", "ns")
_PATTERN = "%d/%m/%Y %H:%M"


class Records(NamedTuple):
    """Where they stand, and how."""

    paths: tuple[Path, ...]
    shape: Shape


class Id(NamedTuple):
    """``paths``: what makes it; of a hash, what of a record does not."""

    paths: tuple[Path, ...]
    kind: Literal["any", "all", "hash"]


class Time(NamedTuple):
    """No path: they have none."""

    paths: tuple[Path, ...] = ()
    format: str = "auto"
    zone: str | None = None
    missing: Literal["", "received"] = ""


def read_records(table: Table, format_: str) -> Records:
    """Where they stand. Lines need no word of it."""
    given = table.raw("records")
    if isinstance(given, dict):
        return _read_records_table(table.inner("records", given, keys.RECORDS), format_)
    if format_ == "ndjson" and "records" not in table:
        return Records(_BODY, Shape())
    if isinstance(given, str) and "[]" in given:
        return table.take("records", Kind(_of_elements, _RECORDS), Records((), Shape()))
    kind = Kind(paths(takes_body=True).read, _RECORDS)
    return Records(table.need("records", kind, ()), Shape())


def _read_records_table(inner: Table, format_: str) -> Records:
    shape = inner.take("shape", Kind(_read_shape, _SHAPES), Shape())
    needs_path = shape.kind != "python" and format_ != "ndjson"
    found = (inner.need if needs_path else inner.take)("path", paths(takes_body=True), () if needs_path else _BODY)
    if shape.kind == "python":
        for key in ("path", "null"):
            if key in inner:
                inner.note(key, "does not go with a class, which is given the whole body; allowed: no such key")
    if "key" in inner and shape.kind != "map":
        inner.note("key", "goes with shape map only; allowed: no such key")
    key = inner.take("key", Kind(text_of, "the name of a member"), shape.key)
    null = inner.take("null", choice(("empty",)), None)
    made = Shape(kind=shape.kind, path=shape.path, key=key, place=shape.place, null_is_empty=null is not None)
    return Records(found, made)


def _of_elements(text: str) -> Records:
    """``edges[].node`` is what stands at ``node`` of each element of ``edges``."""
    place, _, within = text.partition("[]")
    found = path_of(place or "@", takes_body=True)
    if not within:
        return Records((found,), Shape())
    if not within.startswith(".") or "[]" in within:
        raise ValueError("one [] may stand in it, followed by nothing or a dot and the path within each element")
    return Records((found,), Shape(kind="wrapped", path=path_of(within.removeprefix("."))))


def _read_shape(value: Any) -> Shape:
    text = text_of(value)
    kind, colon, rest = text.partition(":")
    match kind:
        case "list" | "map" | "scalars" if not colon:
            return Shape(kind=kind)
        case "wrapped" | "columns" if rest:
            return Shape(kind=kind, path=path_of(rest))
        case "python" if is_place(rest):
            return Shape(kind="python", place=rest)
    if kind in {"wrapped", "columns"}:
        raise ValueError("a path must follow, as in wrapped:node or columns:meta.names")
    if kind == PYTHON.removesuffix(":"):
        raise ValueError("what follows the colon must be a class, as in python:package.module:Class")
    raise ValueError(f"it is none of these{guess(text, ('list', 'map', 'wrapped:', 'scalars', 'columns:', PYTHON))}")


def read_id(table: Table) -> Id:
    """What distinguishes one from another."""
    given = table.raw("id")
    if not isinstance(given, dict):
        return Id(table.need("id", paths(), ()), "any")
    inner = table.inner("id", given, keys.ID)
    if [kind in inner for kind in (_ANY, _ALL, _HASH)].count(True) != 1:
        table.note("id", "is a table with more than one of any, all and hash, or none; allowed: one of the three")
    if "without" in inner and _HASH not in inner:
        inner.note("without", "goes with hash = true only; allowed: no such key")
    without = inner.take("without", Kind(_read_without, "a path of names, or a list of these"), ())
    if _HASH in inner:
        inner.take(_HASH, Kind(_read_true, "true"), True)
        return Id(without, "hash")
    if _ALL in inner:
        return Id(inner.take(_ALL, Kind(_read_parts, "a list of two paths or more"), ()), "all")
    return Id(inner.take(_ANY, paths(), ()), "any")


def _read_true(value: Any) -> bool:
    if value is not True:
        raise ValueError("it is not true")
    return True


def _read_parts(value: Any) -> tuple[Path, ...]:
    found = paths().read(value)
    if len(found) < 2:
        raise ValueError('one part alone is no more than a path: say id = "…"')
    return found


def _read_without(value: Any) -> tuple[Path, ...]:
    found = paths().read(value)
    if any(one.names is None for one in found):
        raise ValueError("an element of a list cannot be left out")
    return found


def read_time(table: Table) -> Time:
    """What says when each came to be."""
    given = table.raw("time")
    if not isinstance(given, dict):
        return Time(table.take("time", paths(), ()))
    inner = table.inner("time", given, keys.TIME)
    allowed = f'{", ".join(TIME_FORMATS)}, or a pattern of strptime such as "{_PATTERN}"'
    form = inner.take("format", Kind(_read_format, allowed), "auto")
    zone = inner.take("zone", Kind(_read_zone, 'a zone such as "America/Chicago", or an offset such as "-06:00"'), None)
    if zone is not None and form in _OF_NUMBERS:
        inner.note("zone", f"goes with texts only, and format is {form}, which counts from 1970; allowed: no zone")
    if ("path" in inner) == ("any" in inner):
        table.note("time", "is a table with both path and any, or neither; allowed: one of the two")
    one = inner.take("path", path(), None)
    received: tuple[Literal["received"], ...] = ("received",)
    missing: Literal["", "received"] = inner.take("missing", choice(received), "")
    return Time(inner.take("any", paths(), ()) if one is None else (one,), form, zone, missing)


def _read_format(value: Any) -> str:
    text = text_of(value)
    if text not in TIME_FORMATS:
        if "%" not in text:
            raise ValueError(f"it is none of these{guess(text, TIME_FORMATS)}")
        check_pattern(text)
    return text


def _read_zone(value: Any) -> str:
    text = text_of(value)
    zone_of(text)
    return text


def read_tombstone(table: Table) -> Tombstone | None:
    """None where none is given."""
    inner = table.table("tombstone", keys.TOMBSTONE, 'a table such as { path = "deleted", value = true }')
    if inner is None:
        return None
    found = inner.need("path", path(names_only=True), None)
    value = inner.need("value", scalar(), None)
    return None if found is None else Tombstone(path=found, value=value)
