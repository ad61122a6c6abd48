"""Indexes of a stream's columns that its source asks for: on the expressions that are the columns of its view.

States of an index, and what a crash in each leaves behind:

none        not begun                                  nothing
under way   made by a statement of its own, invalid    an invalid one, which the next run drops and makes again; where
                                                       only the client has died the server finishes it
valid       queries use it                             it

Invariant: none is made before each slice of the stream has had a full sync, none in a transaction of a crawl, and none
that could refuse a row for what its text holds. What bears its name and is no index of the stream's table is left
alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import psycopg2
from msgspec.structs import replace
from psycopg2 import sql

from datasync_spider.sources.columns import Column, Type, column_name
from datasync_spider.sources.viewcolumns import ViewColumn
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import marked_name, statement
from datasync_spider.storage.views import StreamView, expression, find_view

logger = logging.getLogger(__name__)

_LONGEST_NAME_BYTES: Final = 63
_WAYS: Mapping[Type, str] = {"text": "equal_index", "jsonb": "containing_index"}


def make_indexes(connection: Connection, stream: str, declared: Sequence[Column]) -> int:
    """Makes what is missing, each by itself; gives how many. The connection is good for nothing else afterwards."""
    view = find_view(connection, stream)
    if view is None:
        return 0
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("has_full_sync"), {"stream_id": view.stream_id})
        ((is_synced,),) = cursor.fetchall()
        cursor.execute(statement("read_home"), {"schema": None})
        ((home, _),) = cursor.fetchall()
        connection.rollback()
    if not is_synced:
        return 0
    # Each statement is a transaction, in which nothing but our names says where something is.
    connection.set_session(autocommit=True)
    made = sum(_make(connection, view, home, column) for column in _columns(view, declared))
    if made:
        with translated(), connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement("analyze_table")).format(table=_table(view)))
    return made


def cancel(connection: Connection) -> None:
    """What is under way there ends, and leaves an index that is not valid. From any thread."""
    with suppress(psycopg2.Error):
        connection.cancel()


def _columns(view: StreamView, declared: Sequence[Column]) -> Iterator[ViewColumn]:
    """As the view has them; one that it has not is made of what the source says, where that is enough."""
    known = {column.path: column for column in view.known}
    for column in declared:
        if not column.is_indexed:
            continue
        if column.path in known:
            yield known[column.path]
        elif column.type is not None:
            yield ViewColumn(column.path, column.name or column_name(column.path, set()), column.type)
        else:
            logger.info("no index of %s yet: neither the view nor the source says of which type it is", column.path)


def _make(connection: Connection, view: StreamView, home: str, column: ViewColumn) -> bool:
    name = f"{view.table.name}_{column.name}_{column.type}"
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        name = marked_name(name, name, _LONGEST_NAME_BYTES)
    with translated(), connection.cursor() as cursor:
        place = {"schema": view.schema, "name": name, "table": _table(view).as_string(cursor)}
        cursor.execute(statement("find_index"), place)
        found = cursor.fetchone()
        if found is not None:
            is_ours, is_valid, is_under_way = found
            if not is_ours:
                logger.warning("no index of %s: %s is something else, rename or drop it", column.path, name)
            if not is_ours or is_valid or is_under_way:
                return False
            logger.info("the index %s was not finished, and is made again", name)
            cursor.execute(sql.SQL(statement("drop_index")).format(index=sql.Identifier(view.schema, name)))
        logger.info("making the index %s; the run has ended, and does not depend on it", name)
        way = sql.SQL(statement(_WAYS.get(column.type, "ordered_index")))
        made = sql.SQL(statement("create_index")).format(
            # In the schema of its table, by itself.
            index=sql.Identifier(name),
            table=_table(view),
            way=way.format(expression=expression(column, home)),
        )
        cursor.execute(made)
    return True


def _table(view: StreamView) -> sql.Identifier:
    # With its schema, also where that is the one of all tables.
    return replace(view.table, schema=view.schema).identifier
