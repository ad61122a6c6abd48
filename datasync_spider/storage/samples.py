"""Payloads of a stream's table, some or all of them, to see what they hold.

Invariant: what is held at once is bounded in bytes, whatever the records are. A sample reads ranges of the table's
pages, so that its cost does not grow with the table. Looks only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import StreamTable, statement

_CHUNKS = 10
_CHUNK_BYTES = 2_000_000
_FETCHED_AT_ONCE = 500
# Of a table that no one has counted yet.
_ROWS_PER_PAGE = 20.0
_LAST_PAGE: Final = 2**32 - 1
# PostgreSQL makes a table longer by several pages at a time, which are empty at first.
_TAIL_PAGES = 128


class Payload(NamedTuple):
    """``text``: its JSON."""

    text: str
    ingested_at: datetime


class Extent(NamedTuple):
    """``rows``: about how many; None where no one has counted."""

    pages: int
    rows: int | None

    @property
    def rows_per_page(self) -> float:
        return self.rows / self.pages if self.rows and self.pages else _ROWS_PER_PAGE


def read_extent(connection: Connection, table: StreamTable) -> Extent:
    """As PostgreSQL estimates it."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_extent"), {"table": table.identifier.as_string(cursor)})
        ((pages, rows),) = cursor.fetchall()
    return Extent(int(pages), int(rows) if rows >= 0 else None)


def read_spread(connection: Connection, table: StreamTable, rows: int) -> Iterator[Payload]:
    """About so many, from the table's beginning, its end, and evenly between them."""
    extent = read_extent(connection, table)
    share = max(1, rows // _CHUNKS)
    pages = max(1, int(share / extent.rows_per_page))
    if extent.pages <= pages * _CHUNKS:
        yield from _read_pages(connection, table, 0, _LAST_PAGE, rows, _CHUNK_BYTES * _CHUNKS)
        return
    for chunk in range(_CHUNKS):
        first = (extent.pages - pages) * chunk // (_CHUNKS - 1)
        end = first + pages if chunk < _CHUNKS - 1 else _LAST_PAGE
        yield from _read_pages(connection, table, first, end, share, _CHUNK_BYTES)


def read_newest(connection: Connection, table: StreamTable, rows: int) -> Iterator[Payload]:
    """About so many from the table's end, where new rows go as long as none is replaced or deleted."""
    extent = read_extent(connection, table)
    first = max(0, extent.pages - max(_TAIL_PAGES, int(rows / extent.rows_per_page)))
    yield from _read_pages(connection, table, first, _LAST_PAGE, rows, _CHUNK_BYTES)


def read_all(connection: Connection, table: StreamTable) -> Iterator[Payload]:
    """Every one, as the server gives them."""
    with translated(), connection.cursor(name="payloads") as cursor:
        cursor.itersize = _FETCHED_AT_ONCE
        cursor.execute(table.statement("read_all_payloads"))
        while found := cursor.fetchmany(_FETCHED_AT_ONCE):
            yield from (Payload(*row) for row in found)


def _read_pages(
    connection: Connection, table: StreamTable, first: int, end: int, rows: int, most_bytes: int
) -> list[Payload]:
    values = {"first": f"({first},0)", "end": f"({end},0)", "rows": rows, "bytes": most_bytes}
    with translated(), connection.cursor() as cursor:
        cursor.execute(table.statement("read_sample"), values)
        return [Payload(*row) for row in cursor.fetchall()]
