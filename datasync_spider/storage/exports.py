"""What a stream has stored, row by row, for a file: columns, names and types are those of its view.

Invariant: all rows of an export are of one snapshot, and so is what is measured for it; nothing is written. What is
held at once does not grow with the table, and hardly with a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from psycopg2 import sql

from datasync_spider.storage.connection import (
    HANDED_ON_IDLE_TIMEOUT_MS,
    Connection,
    limit_transaction,
    translated,
)
from datasync_spider.storage.statements import statement
from datasync_spider.storage.views import StreamView, find_view

TextForm: TypeAlias = Literal["csv", "jsonl"]
DECIMAL: Final = "numeric"
_PIECE_BYTES = 4_000_000
_MOST_ROWS_PER_PIECE = 2_000
_FIRST_ROWS = 50
# As PostgreSQL spells them in its catalog.
_SPELT = {"timestamp with time zone": "timestamptz"}


class ExportColumn(Struct, frozen=True):
    """``type``: as PostgreSQL calls it. ``scale``: of a numeric one, the digits behind the point."""

    name: str
    type: str
    scale: int = 0


class Export(Struct, frozen=True):
    """What is to be exported. ``is_view``: whether the columns are those of the stream's view, or those of its table.

    ``since``: only what was stored then or later. ``horizon``: what a later export has to begin with, to miss nothing.
    """

    schema: str
    relation: str
    is_view: bool
    columns: tuple[ExportColumn, ...]
    since: datetime | None
    horizon: datetime

    def statement(self, name: str, columns: Sequence[sql.Composable]) -> sql.Composed:
        since: sql.Composable = sql.SQL("true")
        if self.since is not None:
            since = sql.SQL("ingested_at >= {}").format(sql.Literal(self.since))
        listed = sql.SQL(", ").join(columns)
        relation = sql.Identifier(self.schema, self.relation)
        return sql.SQL(statement(name)).format(columns=listed, measures=listed, relation=relation, since=since)


def find_export(connection: Connection, stream: str, since: datetime | None) -> Export | None:
    """What would be exported now; None where the stream is not registered, or has no table. Rolls back."""
    view = find_view(connection, stream)
    if view is None:
        return None
    is_view = view.existing is not None and bool(view.known)
    with translated(), connection.cursor() as cursor:
        types = view.existing if is_view else _types_of(cursor, view)
        cursor.execute(statement("read_horizon"))
        ((horizon,),) = cursor.fetchall()
        connection.rollback()
    assert types is not None
    columns = tuple(ExportColumn(name, type_) for name, type_ in types.items())
    relation = view.name if is_view else view.table.name
    return Export(view.schema, relation, is_view, columns, since, horizon)


def _types_of(cursor: Any, view: StreamView) -> dict[str, str]:
    cursor.execute(statement("read_relation"), {"schema": view.schema, "name": view.table.name})
    ((_, names, types),) = cursor.fetchall()
    return {name: _SPELT.get(type_, type_) for name, type_ in zip(names, types, strict=True)}


def take_snapshot(connection: Connection) -> None:
    """From here on the connection sees what is committed by now, and writes nothing."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with translated():
        limit_transaction(connection, HANDED_ON_IDLE_TIMEOUT_MS)


def write_text(connection: Connection, export: Export, form: TextForm, file: IO[bytes]) -> int:
    """Writes all rows as CSV with a line of names, or as a JSON object a line; gives how many there were."""
    with translated(), connection.cursor() as cursor:
        if form == "csv":
            text = export.statement("export_csv", [_as_text(column) for column in export.columns])
        else:
            text = export.statement("export_lines", [sql.Identifier(column.name) for column in export.columns])
        cursor.copy_expert(text, file)
        return int(cursor.rowcount)


def measured(connection: Connection, export: Export, most_digits: int) -> Export:
    """The export with numeric columns as they can be: with a scale where no value has more digits, as text otherwise.

    In the same transaction as the rows.
    """
    numeric = [column for column in export.columns if column.type == DECIMAL]
    if not numeric:
        return export
    one = sql.SQL(statement("measure_numeric"))
    measures = [one.format(name=sql.Identifier(column.name)) for column in numeric]
    with translated(), connection.cursor() as cursor:
        cursor.execute(export.statement("measure_numerics", measures))
        (found,) = cursor.fetchall()
    fitting = {}
    for place, column in enumerate(numeric):
        behind, before, has_none = found[3 * place : 3 * place + 3]
        is_too_long = has_none or behind + before > most_digits
        fitting[column.name] = replace(column, type="text" if is_too_long else DECIMAL, scale=behind)
    return replace(export, columns=tuple(fitting.get(column.name, column) for column in export.columns))


def read_rows(connection: Connection, export: Export) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in pieces. Times are microseconds since 1970; what is no number and no truth is text."""
    columns = [_as_value(column) for column in export.columns]
    with translated(), connection.cursor(name="exported_rows") as cursor:
        cursor.execute(export.statement("export_rows", columns))
        wanted = _FIRST_ROWS
        while rows := cursor.fetchmany(wanted):
            yield rows
            heaviest = max(sum(len(value) for value in row if isinstance(value, str)) for row in rows)
            wanted = max(1, min(_MOST_ROWS_PER_PIECE, _PIECE_BYTES // (heaviest or 1)))


def _as_text(column: ExportColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    match column.type:
        case "timestamptz":
            return sql.SQL(statement("time_as_text")).format(name=name)
        case "boolean":
            return sql.SQL(statement("column_as_text")).format(name=name)
    return name


def _as_value(column: ExportColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    match column.type:
        case "timestamptz":
            return sql.SQL(statement("time_as_microseconds")).format(name=name)
        case "bigint" | "boolean" | "numeric":
            return name
    return sql.SQL(statement("column_as_text")).format(name=name)
