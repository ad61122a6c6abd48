"""Reads one ``[streams.NAME]``: each key by its kind. What must hold between keys is looked at elsewhere.

Invariant: a stream is given whatever is wrong with its table. What stands in place of a wrong value means nothing: the
file is refused for it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from datasync_spider.sources.files.authtables import read_headers, read_query
from datasync_spider.sources.files.columntables import read_columns
from datasync_spider.sources.files.incrementaltables import read_incremental, read_times
from datasync_spider.sources.files.kinds import boolean, choice, path, paths, stream_url
from datasync_spider.sources.files.nextends import read_end, read_next
from datasync_spider.sources.files.pacetables import read_every, read_retries, read_timeout
from datasync_spider.sources.files.recordtables import read_id, read_records, read_time, read_tombstone
from datasync_spider.sources.files.requesttables import read_body, read_method, read_page_size
from datasync_spider.sources.files.slicetables import read_slices, read_slices_from
from datasync_spider.sources.files.tables import Table
from datasync_spider.sources.files.tails import read_tail
from datasync_spider.sources.spec import Order, Stream

_Format: TypeAlias = Literal["json", "ndjson"]
_FORMATS: tuple[_Format, ...] = ("json", "ndjson")
_Deletions: TypeAlias = Literal["full-sync"]
_DELETIONS: tuple[_Deletions, ...] = ("full-sync",)
_OnDrift: TypeAlias = Literal["report", "fail"]
_ON_DRIFT: tuple[_OnDrift, ...] = ("report", "fail")
_ORDERS: tuple[Order, ...] = ("newest-first", "oldest-first", "none")


def read_stream(name: str, table: Table) -> Stream:
    """The stream as far as it can be read."""
    form: _Format = table.take("format", choice(_FORMATS), "json")
    records, id_, time = read_records(table, form), read_id(table), read_time(table)
    step = read_next(table)
    columns = read_columns(table)
    return Stream(
        name=name,
        url=table.need("url", stream_url(), ""),
        records=records.paths,
        id=id_.paths,
        order=table.need("order", choice(_ORDERS), "none"),
        next=step,
        end=read_end(table),
        tail=read_tail(table, step),
        query=(*read_query(table), *read_times(table)),
        timeout_seconds=read_timeout(table),
        retries=read_retries(table),
        every_seconds=read_every(table),
        headers=read_headers(table),
        method=read_method(table),
        body=read_body(table),
        page_size=read_page_size(table),
        format=form,
        shape=records.shape,
        id_kind=id_.kind,
        time=time.paths,
        time_format=time.format,
        time_zone=time.zone,
        time_missing=time.missing,
        total=table.take("total", paths(), ()),
        returned=table.take("returned", paths(), ()),
        request_id=table.take("request_id", paths(), ()),
        cursor_seconds=table.take("cursor_seconds", paths(), ()),
        mutable=table.take("mutable", boolean(), False),
        version=table.take("version", path(names_only=True), None),
        tombstone=read_tombstone(table),
        keep_history=table.take("history", boolean(), table.take("keep_history", boolean(), False)),
        marks_deleted=table.take("deletions", choice(_DELETIONS), None) is not None,
        fails_on_drift=table.take("on_drift", choice(_ON_DRIFT), "report") == "fail",
        incremental=read_incremental(table),
        slices=read_slices(table),
        slices_from=read_slices_from(table),
        columns=columns.declared,
        keeps_view=columns.is_auto,
    )
