"""The view with typed columns beside a stream's table: found, made, and added to.

States of a view that is changed, and what a crash in each leaves behind (one transaction, so nothing until the last):

locked     the stream's row is ours: any other process that changes its view waits
set aside  the old view is dropped, where a type or a column of the table changes; whatever others have built on it
           stops that here, and everything stays as it was
made       the view has its columns, those that it had first; grants and comments are given back
recorded   ``ingestion_columns`` says the path of each

Invariant: nothing is dropped but our own view, and that only to be made again in the same transaction. A view that has
a column that we have not made is not ours, and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2.errors
from msgspec import Struct, field
from msgspec.structs import replace
from psycopg2 import sql
from psycopg2.extras import Json

from datasync_spider.errors import StorageRefused
from datasync_spider.sources.columns import FIXED, Type
from datasync_spider.sources.paths import Path
from datasync_spider.sources.viewcolumns import ViewColumn, ViewPlan
from datasync_spider.storage.connection import IDLE_TIMEOUT_MS, Connection, Cursor, limit_transaction, translated
from datasync_spider.storage.statements import StreamTable, statement, view_name

_LOCK_TIMEOUT_MS = 2_000
_INVOKED_SINCE = 150_000
# As PostgreSQL spells them in its catalog.
_SPELT = {"timestamp with time zone": "timestamptz"}
_COLUMNS: Mapping[Type, str] = {
    "text": "text_column",
    "bigint": "bigint_column",
    "numeric": "numeric_column",
    "boolean": "boolean_column",
    "timestamptz": "timestamptz_column",
    "jsonb": "jsonb_column",
}


class StreamView(Struct, frozen=True):
    """``schema``: where table and view are. ``known``: the columns that the view has been given, made or not.

    ``existing``: of the view as it is, each column's type by its name, in order; None where there is none.
    ``fixed``: the columns of the table.
    """

    stream_id: int
    stream: str
    source: str
    schema: str
    table: StreamTable
    known: tuple[ViewColumn, ...]
    existing: dict[str, str] | None
    fixed: tuple[str, ...]

    @property
    def name(self) -> str:
        return view_name(self.table.name)

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class Applied(Struct, frozen=True):
    """What has become of a view. ``added``: names of columns. ``kept``: why old types stay, where others need them."""

    view: StreamView
    plan: ViewPlan
    is_new: bool = False
    added: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    kept: str | None = None
    is_changed: bool = field(default=False)


def find_view(connection: Connection, stream: str) -> StreamView | None:
    """What there is of the stream's view; None where the stream is not registered, or has no table. Rolls back."""
    with translated(), connection.cursor() as cursor:
        found = _find(cursor, stream)
        connection.rollback()
    return found


def view_script(connection: Connection, view: StreamView, plan: ViewPlan) -> str:
    """What makes the view as planned, for a person: nothing is changed. Rolls back."""
    drop = sql.SQL(statement("drop_view")).format(view=view.identifier) if plan.retyped and view.existing else None
    with translated(), connection.cursor() as cursor:
        texts = [text.as_string(cursor) for text in (drop, _create(view, plan.columns)) if text is not None]
        connection.rollback()
    return "\n".join(f"{text};" for text in texts)


def update_view(connection: Connection, stream: str, plan: Callable[[StreamView], ViewPlan]) -> Applied | None:
    """Makes the view what the plan says of the one that there is, and commits. None as with :func:`find_view`.

    Raises StorageRefused where it is not ours, or may not be made; StorageUnavailable where a lock is not had in time.
    """
    with translated(), connection.cursor() as cursor:
        limit_transaction(connection, IDLE_TIMEOUT_MS, _LOCK_TIMEOUT_MS)
        seen = _find(cursor, stream)
        if seen is None:
            connection.rollback()
            return None
        cursor.execute(statement("lock_stream"), {"stream_id": seen.stream_id})
        view = _find(cursor, stream)
        if view is None:
            connection.rollback()
            return None
        _check_ours(view)
        applied = _apply(cursor, view, plan(view))
        connection.commit()
    return applied


@contextmanager
def set_aside(cursor: Any, stream: str) -> Iterator[None]:
    """The view is away while the table changes, and as it was afterwards. Goes with the caller's transaction."""
    with cursor.connection.cursor(cursor_factory=Cursor) as plain:
        view = _find(plain, stream)
        if view is None or view.existing is None or not view.known:
            yield
            return
        _check_ours(view)
        given = _drop(plain, view)
        yield
        view = _find(plain, stream)
        assert view is not None
        _make(plain, view, view.known)
        _give_back(plain, given)


def drop_view(cursor: Any, stream: str) -> None:
    """Before the table is dropped. Goes with the caller's transaction. What others have built on it stops that."""
    with cursor.connection.cursor(cursor_factory=Cursor) as plain:
        view = _find(plain, stream)
        if view is not None and view.existing is not None and view.known:
            plain.execute(sql.SQL(statement("drop_view")).format(view=view.identifier))


def _find(cursor: Any, stream: str) -> StreamView | None:
    cursor.execute(statement("find_view_stream"), {"stream": stream})
    row = cursor.fetchone()
    if row is None or row[3] is None:
        return None
    stream_id, source, table_schema, table_name, schema = row
    cursor.execute(statement("read_known_columns"), {"stream_id": stream_id})
    known = tuple(ViewColumn(Path(tuple(path)), name, type_) for name, path, type_ in cursor.fetchall())
    table = _relation(cursor, schema, table_name)
    if table is None:
        return None
    existing = _relation(cursor, schema, view_name(table_name))
    if existing is not None and existing[0] != "v":
        raise StorageRefused(
            f"the view of the stream {stream} is to be called {schema}.{view_name(table_name)}, and something else has"
            " that name: rename or drop it"
        )
    fixed = tuple(name for name in table[1] if name in FIXED)
    return StreamView(
        stream_id,
        stream,
        source,
        schema,
        StreamTable(table_name, table_schema),
        known,
        None if existing is None else existing[1],
        fixed,
    )


def _relation(cursor: Any, schema: str, name: str) -> tuple[str, dict[str, str]] | None:
    """Its kind, and the types of its columns by name, in order."""
    cursor.execute(statement("read_relation"), {"schema": schema, "name": name})
    row = cursor.fetchone()
    if row is None:
        return None
    kind, names, types = row
    return kind, {name: _SPELT.get(type_, type_) for name, type_ in zip(names, types, strict=True)}


def _check_ours(view: StreamView) -> None:
    known = {column.name: column.type for column in view.known}
    for name, type_ in (view.existing or {}).items():
        if name not in view.fixed and known.get(name) != type_:
            raise StorageRefused(
                f"the view {view} has a column {name} of type {type_} that this program has not made: rename or drop"
                " that view"
            )


def _apply(cursor: Any, view: StreamView, plan: ViewPlan) -> Applied:
    if not plan.columns:
        return Applied(view, plan)
    kept = None
    retyped = tuple(name for name in plan.retyped if name in (view.existing or {}))
    if retyped:
        cursor.execute("SAVEPOINT retyping")
        try:
            given = _drop(cursor, view)
            _make(cursor, view, plan.columns)
            _give_back(cursor, given)
        except psycopg2.errors.DependentObjectsStillExist as error:
            cursor.execute("ROLLBACK TO SAVEPOINT retyping")
            kept = "; ".join((error.diag.message_detail or "").splitlines())
            plan = replace(plan, columns=_with_old_types(plan))
            retyped = ()
    added = tuple(column.name for column in plan.columns if column.name not in (view.existing or {}))
    has_all = set(view.fixed) <= set(view.existing or ())
    is_changed = bool(added or retyped or not has_all)
    if is_changed and not retyped:
        _make(cursor, view, plan.columns)
        if view.existing is None:
            _let_read(cursor, view)
    for position, column in enumerate(plan.columns):
        values = {"stream_id": view.stream_id, "position": position, "name": column.name, "type": column.type}
        if column not in view.known:
            cursor.execute(statement("save_column"), {**values, "path": Json(list(column.path.steps))})
    return Applied(view, plan, view.existing is None, added, retyped, kept, is_changed)


def _with_old_types(plan: ViewPlan) -> list[ViewColumn]:
    return [replace(column, type=plan.retyped.get(column.name, column.type)) for column in plan.columns]


def _drop(cursor: Any, view: StreamView) -> list[str]:
    """What gives back who may read it, and what is said of it."""
    cursor.execute(statement("read_view_grants"), {"view": view.identifier.as_string(cursor)})
    given = [text for (text,) in cursor.fetchall()]
    cursor.execute(sql.SQL(statement("drop_view")).format(view=view.identifier))
    return given


def _give_back(cursor: Any, given: Sequence[str]) -> None:
    for text in given:
        cursor.execute(text)


def _make(cursor: Any, view: StreamView, columns: Sequence[ViewColumn]) -> None:
    cursor.execute(_create(view, columns))
    cursor.execute(statement("read_server_version"))
    ((version,),) = cursor.fetchall()
    if version >= _INVOKED_SINCE:
        cursor.execute(sql.SQL(statement("invoke_view")).format(view=view.identifier))


def _let_read(cursor: Any, view: StreamView) -> None:
    table = sql.Identifier(view.schema, view.table.name)
    names = {"view": view.identifier.as_string(cursor), "table": table.as_string(cursor)}
    cursor.execute(statement("read_table_readers"), names)
    _give_back(cursor, [text for (text,) in cursor.fetchall()])


def _create(view: StreamView, columns: Sequence[ViewColumn]) -> sql.Composed:
    """What it has comes first, in its order: PostgreSQL adds columns at the end only."""
    typed = {column.name: column for column in columns}
    names = [*(name for name in view.existing or () if name in typed or name in view.fixed)]
    names += [name for name in (*view.fixed, *typed) if name not in names]
    texts = [_column(typed[name]) if name in typed else sql.Identifier(name) for name in names]
    return sql.SQL(statement("create_view")).format(
        view=view.identifier,
        columns=sql.SQL(",\n       ").join(texts),
        table=sql.Identifier(view.schema, view.table.name),
    )


def _column(column: ViewColumn) -> sql.Composed:
    return sql.SQL("{} AS {}").format(expression(column), sql.Identifier(column.name))


def expression(column: ViewColumn, functions_schema: str | None = None) -> sql.Composed:
    """What the column is in the view. ``functions_schema``: for who cannot rely on where names are looked for."""
    steps = [sql.Literal(step) for step in column.path.steps]
    value = sql.SQL(" -> ").join([sql.Identifier("payload"), *steps])
    functions = sql.SQL("{}.").format(sql.Identifier(functions_schema)) if functions_schema else sql.SQL("")
    return sql.SQL(statement(_COLUMNS[column.type])).format(value=value, functions=functions)
