"""Finds the rows that PostgreSQL refuses, and stages all the others.

Invariant: every row given comes out either staged or refused, and one page's bad rows cost the other pages nothing but
the one attempt that failed. A refused range is halved until single rows are left: about two rounds over the page for
one bad row, and no dependence on the wording of an error message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from datasync_spider.errors import RowsRejected
from datasync_spider.records.event import Event
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.rows import CopyStream, Rows
from datasync_spider.storage.statements import statement


class RejectedRow(Struct, frozen=True):
    """A row, and why PostgreSQL does not take it. ``reason`` is a stable slug that carries the SQLSTATE."""

    event: Event
    reason: str
    detail: str


def stage_pages(connection: Connection, pages: Mapping[int, Rows]) -> dict[int, list[RejectedRow]]:
    """Copies the acceptable ones of the pages' rows into ``staged_events``, which must exist.

    Gives the others. Pages are known by their numbers.
    """
    if _try_copy(connection, pages.values()) is None:
        return {}
    refused = {number: stage_rows(connection, rows) for number, rows in pages.items()}
    return {number: rows for number, rows in refused.items() if rows}


def stage_rows(connection: Connection, rows: Rows) -> list[RejectedRow]:
    """The same with the rows of one page."""
    refused: list[RejectedRow] = []
    ranges = [rows]
    while ranges:
        part = ranges.pop()
        error = _try_copy(connection, [part])
        if error is None:
            continue
        if len(part) == 1:
            reason = f"refused_by_postgresql_{(error.sqlstate or 'unknown').lower()}"
            refused.append(RejectedRow(part[0], reason, str(error)))
            continue
        middle = len(part) // 2
        ranges += [part[middle:], part[:middle]]
    return refused


def _try_copy(connection: Connection, parts: Iterable[Rows]) -> RowsRejected | None:
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT part")
        try:
            with translated():
                cursor.copy_expert(statement("copy_staged"), CopyStream(parts))
        except RowsRejected as error:
            cursor.execute("ROLLBACK TO SAVEPOINT part")
            return error
        cursor.execute("RELEASE SAVEPOINT part")
        return None
