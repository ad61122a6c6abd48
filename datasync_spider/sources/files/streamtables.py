"""Reads one ``[streams.NAME]``: each key by its kind. What must hold between keys is looked at elsewhere.

Invariant: a stream is given whatever is wrong with its table. What stands in place of a wrong value means nothing: the
file is refused for it.
"""

from __future__ import annotations

from typing import Literal

from datasync_spider.sources.files import keys
from datasync_spider.sources.files.credentials import read_headers, read_query
from datasync_spider.sources.files.kinds import boolean, choice, path, paths, scalar, stream_url, whole_number
from datasync_spider.sources.files.nextends import read_end, read_next
from datasync_spider.sources.files.slicetables import read_slices
from datasync_spider.sources.files.tables import Kind, Table
from datasync_spider.sources.paths import Path
from datasync_spider.sources.spec import Incremental, Order, PageSize, Stream, Tombstone

_ORDERS: tuple[Order, ...] = ("newest-first", "oldest-first", "none")
_TYPES: tuple[Literal["known", "none"], ...] = ("known", "none")
_FORMATS: tuple[Literal["iso", "s", "ms", "us", "ns"], ...] = ("iso", "s", "ms", "us", "ns")
_LATER_INCREMENTAL = ("since", "resume", "window", "conditional")
_LATER_TIMES = (*_FORMATS, "rfc2822")
# In place of a largest page that is wrong.
_ANY = 2**53


def read_stream(name: str, table: Table) -> Stream:
    """The stream as far as it can be read."""
    return Stream(
        name=name,
        url=table.need("url", stream_url(), ""),
        records=_records(table),
        id=_id(table),
        order=table.need("order", choice(_ORDERS), "none"),
        next=read_next(table),
        end=read_end(table),
        query=read_query(table),
        headers=read_headers(table),
        page_size=_page_size(table),
        time=_time(table),
        total=table.take("total", paths(), ()),
        returned=table.take("returned", paths(), ()),
        request_id=table.take("request_id", paths(), ()),
        cursor_seconds=table.take("cursor_seconds", paths(), ()),
        mutable=table.take("mutable", boolean(), False),
        version=table.take("version", path(names_only=True), None),
        tombstone=_tombstone(table),
        keep_history=table.take("keep_history", boolean(), False),
        incremental=_incremental(table),
        slices=read_slices(table),
    )


def _records(table: Table) -> tuple[Path, ...]:
    given = table.raw("records")
    if isinstance(given, dict):
        table.inner("records", given, keys.RECORDS)
        return ()
    return table.need("records", paths(takes_body=True), ())


def _id(table: Table) -> tuple[Path, ...]:
    given = table.raw("id")
    if not isinstance(given, dict):
        return table.need("id", paths(), ())
    return table.inner("id", given, keys.ID).need("any", paths(), ())


def _time(table: Table) -> tuple[Path, ...]:
    given = table.raw("time")
    if not isinstance(given, dict):
        return table.take("time", paths(), ())
    inner = table.inner("time", given, keys.TIME)
    inner.take("format", choice(("auto",), later=_LATER_TIMES), "auto")
    if ("path" in inner) == ("any" in inner):
        table.note("time", "is a table with both path and any, or neither; allowed: one of the two")
    one = inner.take("path", path(), None)
    return inner.take("any", paths(), ()) if one is None else (one,)


def _page_size(table: Table) -> PageSize | None:
    given = table.raw("page_size")
    if not isinstance(given, dict):
        whole = Kind(whole_number(1).read, "a whole number from 1, or a table such as { default = 100, max = 1000 }")
        number = table.take("page_size", whole, None)
        return None if number is None else PageSize(default=number, most=number)
    inner = table.inner("page_size", given, keys.PAGE_SIZE)
    default = inner.need("default", whole_number(1), 1)
    most = inner.take("max", whole_number(1), default if "max" not in inner else _ANY)
    if most < default:
        allowed = f"a whole number from 1 to {most:,}"
        inner.refuse("default", f"it is above max, which is {most:,}", allowed, str(default))
    return PageSize(default=default, most=most)


def _tombstone(table: Table) -> Tombstone | None:
    inner = table.table("tombstone", keys.TOMBSTONE, 'a table such as { path = "deleted", value = true }')
    if inner is None:
        return None
    found = inner.need("path", path(names_only=True), None)
    value = inner.need("value", scalar(), None)
    return None if found is None else Tombstone(path=found, value=value)


def _incremental(table: Table) -> Incremental:
    inner = table.table("incremental", keys.INCREMENTAL, 'a table such as { type = "known" }')
    if inner is None:
        return Incremental()
    return Incremental(
        type=inner.need("type", choice(_TYPES, later=_LATER_INCREMENTAL), "none"),
        format=inner.take("format", choice(_FORMATS), "iso"),
    )
