"""What the records of a stream hold at some places, for the streams whose slices are made of them.

Invariant: each set of values comes once, with how many records have it. Records that are marked as deleted are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg2 import sql

from datasync_spider.sources.paths import Path
from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.statements import StreamTable, statement


class ParentValues(NamedTuple):
    """``values``: the slice's name, the JSON values at the places, None for null and nowhere, and how many have them.

    ``unproven``: some slice of the stream was never complete.
    """

    values: list[tuple[str, list[Any], int]]
    unproven: bool


def read_parent_values(connection: Connection, stream: str, places: Sequence[Path]) -> ParentValues | None:
    """In the order of the values. None where no run has stored anything of the stream."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("read_parent"), {"stream": stream})
        parent = cursor.fetchone()
        if parent is None or parent["table_name"] is None or not parent["has_begun"]:
            connection.rollback()
            return None
        table = StreamTable(parent["table_name"], parent["table_schema"])
        cursor.execute(statement("has_deletions"), {"table": table.identifier.as_string(cursor)})
        has_deletions = cursor.fetchone()["exists"]
        values = [sql.SQL("payload #> {}::text[]").format(sql.Literal([str(step) for step in p.steps])) for p in places]
        cursor.execute(
            sql.SQL(statement("read_parent_values")).format(
                table=table.identifier,
                slice=sql.SQL("slice_id" if parent["is_sliced"] else "NULL::bigint"),
                values=sql.SQL(", ").join(values),
                stored=sql.SQL("deleted_at IS NULL" if has_deletions else "true"),
            )
        )
        rows = [(row["slice"], row["values"], row["count"]) for row in cursor.fetchall()]
        connection.rollback()
    return ParentValues(rows, parent["is_unproven"])
