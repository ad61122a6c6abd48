"""Reads where a stream's records stand, and what of each is its id, its time, its version and its end.

Invariant: as of all that reads tables: something is given whatever is wrong.
"""

from __future__ import annotations

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.kinds import choice, path, paths, scalar
from datasync_spider.sources.files.tables import Table
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Tombstone

_LATER_TIMES = ("iso", "s", "ms", "us", "ns", "rfc2822")


def read_records(table: Table) -> tuple[Path, ...]:
    """Where they stand."""
    given = table.raw("records")
    if isinstance(given, dict):
        table.inner("records", given, keys.RECORDS)
        return ()
    return table.need("records", paths(takes_body=True), ())


def read_id(table: Table) -> tuple[Path, ...]:
    """What tells one from another."""
    given = table.raw("id")
    if not isinstance(given, dict):
        return table.need("id", paths(), ())
    return table.inner("id", given, keys.ID).need("any", paths(), ())


def read_time(table: Table) -> tuple[Path, ...]:
    """None where they have none."""
    given = table.raw("time")
    if not isinstance(given, dict):
        return table.take("time", paths(), ())
    inner = table.inner("time", given, keys.TIME)
    inner.take("format", choice(("auto",), later=_LATER_TIMES), "auto")
    if ("path" in inner) == ("any" in inner):
        table.note("time", "is a table with both path and any, or neither; allowed: one of the two")
    one = inner.take("path", path(), None)
    return inner.take("any", paths(), ()) if one is None else (one,)


def read_tombstone(table: Table) -> Tombstone | None:
    """None where none is given."""
    inner = table.table("tombstone", keys.TOMBSTONE, 'a table such as { path = "deleted", value = true }')
    if inner is None:
        return None
    found = inner.need("path", path(names_only=True), None)
    value = inner.need("value", scalar(), None)
    return None if found is None else Tombstone(path=found, value=value)
