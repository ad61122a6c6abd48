"""The view of all versions of a mutable stream's records, each with the time in which it was the record's row.

It is of two tables: the stream's own has the versions of now, its history those before. A deletion ends the time of a
version, be it a tombstone or a mark; a tombstone itself has a time of no length.

Invariant: the columns are the same whatever the stream declares, so the view is only ever replaced, and may be while
others build on it. It knows by itself which records are deleted: a column that the stream's table may lose is not in
it while that goes.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg2.errors
from msgspec.structs import replace

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.statements import StreamTable, marked_name, statement

logger = logging.getLogger(__name__)

_SUFFIX = "__versions"
_LONGEST_NAME_BYTES = 63 - len(_SUFFIX)


def make_timeline(cursor: Any, table: StreamTable, stream: str) -> StreamTable:
    """The table with its view, which is made where there is none, or none any more.

    Goes with the caller's transaction. Where it may not be made, or no name is left for it, that is said, and the run
    goes on: the view shows what is kept, and keeps nothing itself.
    """
    found = _read(cursor, stream)
    if not found["has_timeline"]:
        cursor.execute(statement("lock_stream"), {"stream_id": found["stream_id"]})
        found = _read(cursor, stream)
    if found["has_timeline"]:
        return replace(table, timeline=found["timeline_name"])
    cursor.execute("SAVEPOINT timeline")
    try:
        name = found["timeline_name"] or _free_name(cursor, table, stream)
        made = replace(table, timeline=name)
        show_timeline(cursor, made)
    except (psycopg2.errors.InsufficientPrivilege, StorageRefused) as error:
        cursor.execute("ROLLBACK TO SAVEPOINT timeline")
        logger.warning("the view of all versions of the stream %s is not made: %s", stream, str(error).strip())
        return table
    cursor.execute(statement("save_timeline"), {"stream_id": found["stream_id"], "timeline_name": name})
    logger.info("made the view %s of all versions of the stream %s", name, stream)
    return made


def show_timeline(cursor: Any, table: StreamTable) -> None:
    """Makes the view, or makes it anew, by what the table says of tombstones and marks; nothing where it has none."""
    if table.timeline is not None:
        cursor.execute(table.statement("show_timeline"), table.version_values)


def _read(cursor: Any, stream: str) -> dict[str, Any]:
    cursor.execute(statement("read_timeline"), {"stream": stream})
    return dict(cursor.fetchone())


def _free_name(cursor: Any, table: StreamTable, stream: str) -> str:
    """One that nothing has, whatever it is."""
    marked = marked_name(table.name, f"versions of {stream}", _LONGEST_NAME_BYTES)
    bases = [table.name, marked] if len(table.name.encode()) <= _LONGEST_NAME_BYTES else [marked]
    for base in bases:
        name = f"{base}{_SUFFIX}"
        taken = False
        for question in ("is_name_of_ours", "has_relation"):
            cursor.execute(statement(question), {"schema": table.schema, "name": name})
            taken = taken or cursor.fetchone()["exists"]
        if not taken:
            return name
    raise StorageRefused(
        f"no view can be named after the versions of the stream {stream}: rename or drop {bases[0]}{_SUFFIX}"
    )
