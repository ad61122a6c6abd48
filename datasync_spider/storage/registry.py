"""Sources, streams and slices as rows: which there are, where their records are, how their pages are read.

States of a stream that opens for the first time, and what a crash in each leaves behind (one transaction, so nothing):

named     a row of ingestion_sources and of ingestion_streams; another process that opens the same one waits here
placed    the row says which table; of two streams whose names ask for one table, the second gets another name
made      the table exists, with ``deleted_at`` where the stream has a tombstone
kept      the table of its history exists, and a view of all versions, and the row says which: when a run first asks
          for it
markable  the table has a column for what a full pass has not met, and the row says which: the same
sliced    a row of ingestion_state: the slice's position, lease and fence

Invariant: what is registered is never changed by opening it again. A stream that is read otherwise than before is
refused, since what is stored of it would mean two things. No table that is not in the registry is ever written to.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

import psycopg2.errors
from msgspec import Struct, field
from msgspec.structs import replace
from psycopg2 import sql
from psycopg2.extras import Json

from datasync_spider.errors import StorageRefused, StorageUnavailable, StreamChanged, TableRefused
from datasync_spider.records.recordreader import RecordReader
from datasync_spider.sources.credential import NO_KEY, Credential
from datasync_spider.sources.spec import Order
from datasync_spider.sources.streamnames import NO_SLICE, label
from datasync_spider.storage.connection import Connection, RowCursor, translated
from datasync_spider.storage.since import Since
from datasync_spider.storage.statements import SEED_TABLE, StreamTable, Versions, marked_name, statement
from datasync_spider.storage.timeline import make_timeline, show_timeline
from datasync_spider.storage.views import set_aside

logger = logging.getLogger(__name__)

BUILT_IN_SOURCE = "datasync"
NEWEST_FIRST: Final = "newest-first"
FIRST_STREAM = "events"
"""The one that migrations register: each database has it."""

# PostgreSQL cuts longer names silently; the longest suffix is that of a history table.
_HISTORY = "__history"
_LONGEST_NAME_BYTES = 63 - len(_HISTORY)


class Tombstone(Struct, frozen=True):
    """What marks a deleted record: the JSON value that the path leads to in its payload."""

    path: tuple[str, ...]
    value: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}={_canonical(self.value)}"


class Deletions(Struct, frozen=True):
    """What a complete full pass has not met is deleted. ``needs_total``: if the API's total bears that out."""

    needs_total: bool = False


class StreamSpec(Struct, frozen=True):
    """A stream as its source describes it, and the slice that is meant.

    ``name`` is unique in a database. ``schema``: where its table is to be made; None for where all others are.
    ``reader``: reads its records; ``fingerprint``: how its pages are read, by fact. ``credential``: what its source is
    asked with.

    ``is_mutable``: a later version of a record replaces the stored one. ``version``: the path to it in the payload,
    None for the record's time. ``keeps_history``: what is replaced is kept. ``tombstone``: says in a column of the
    table when a record was deleted.

    ``is_counted``: pages are asked for by a number of records or pages, which moves when records come and go.

    ``fails_on_drift``: a change of a field ends a run as failed.

    ``order``: of its records in the feed. ``is_incremental``: after a complete pass the next one ends at known ground,
    which proves something only where the newest records come first. Raises ValueError where they do not. ``since``: a
    pass asks for what is not older than a time; None for a stream that cannot be asked so. ``has_bookmarks``: after a
    complete pass the next one begins with what that has ended with. ``deletions``: None where nothing shows them.
    """

    name: str
    reader: RecordReader
    slice: str = NO_SLICE
    source: str = BUILT_IN_SOURCE
    schema: str | None = None
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    credential: Credential = NO_KEY
    is_mutable: bool = False
    version: tuple[str, ...] | None = None
    keeps_history: bool = False
    tombstone: Tombstone | None = None
    order: Order = NEWEST_FIRST
    is_incremental: bool = True
    is_counted: bool = False
    since: Since | None = None
    has_bookmarks: bool = False
    deletions: Deletions | None = None
    fails_on_drift: bool = False

    def __post_init__(self) -> None:
        if self.is_incremental and self.order != NEWEST_FIRST:
            raise ValueError(
                f"the order of the stream {self.name} is {self.order}: no pass of it can end at known ground"
            )

    @property
    def facts(self) -> dict[str, str]:
        """All that what is stored depends on. What makes versions of it does not: a row is the latest so far."""
        reported = {} if self.tombstone is None else {"tombstone": str(self.tombstone)}
        return {**self.fingerprint, **reported}

    @property
    def is_sliced(self) -> bool:
        return self.slice != NO_SLICE


class Slice(Struct, frozen=True):
    """A slice that is registered. ``stream`` and ``name`` are for people; everything goes by the numbers.

    ``reader``: reads what is kept of its records as bytes.
    """

    slice_id: int
    stream_id: int
    stream: str
    name: str
    table: StreamTable
    reader: RecordReader

    def __str__(self) -> str:
        return label(self.stream, self.name)


def table_name(source: str, stream: str, *, is_taken: bool = False) -> str:
    """``<source>__<stream>``; with a digest behind it where PostgreSQL would cut it or another stream has it.

    Also where it holds a %, which psycopg2 would take for a parameter's.
    """
    wanted = f"{source}__{stream.removeprefix(f'{source}.')}"
    full = wanted.replace("%", "_")
    if full == wanted and len(full.encode()) <= _LONGEST_NAME_BYTES and not is_taken:
        return full
    return _marked(full, f"{source} {stream}")


def _marked(name: str, what: str) -> str:
    return marked_name(name, what, _LONGEST_NAME_BYTES)


def find_slice(connection: Connection, stream: str, reader: RecordReader, slice_name: str = NO_SLICE) -> Slice | None:
    """The slice, or None where no run has ever opened it. The transaction goes on."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        found = _read_stream(cursor, stream, slice_name)
    return None if found is None or found["slice_id"] is None else _slice_of(found, stream, slice_name, reader)


def register(connection: Connection, spec: StreamSpec) -> Slice:
    """The slice, made with its stream, source and table where it is new. Goes with the caller's transaction.

    Raises StreamChanged where the stream is registered and read otherwise, TableRefused where a table that is not ours
    has the name that it would have, StorageUnavailable where it is being dropped by another process.
    """
    with translated():
        try:
            return _register(connection, spec)
        except psycopg2.errors.ForeignKeyViolation as error:
            reported = f"the stream {spec.name} has just been dropped by another process"
            raise StorageUnavailable(reported, error.pgcode) from error


def _register(connection: Connection, spec: StreamSpec) -> Slice:
    with connection.cursor(cursor_factory=RowCursor) as cursor:
        values = {"source": spec.source, "stream": spec.name, "is_sliced": spec.is_sliced}
        stream = _read_stream(cursor, spec.name, spec.slice)
        if stream is None:
            cursor.execute(statement("insert_source"), values)
            cursor.execute(statement("insert_stream"), values)
            stream = _read_stream(cursor, spec.name, spec.slice)
        if stream is None:
            # It was there to be waited for, and went with another process's drop, or its source did.
            raise StorageUnavailable(f"the stream {spec.name} has just been dropped by another process")
        has_other_tombstone = _check_reading(cursor, spec, stream)
        if has_other_tombstone or not _is_ready(stream, spec):
            _make_ready(connection, cursor, spec, stream, has_other_tombstone=has_other_tombstone)
            stream = _read_stream(cursor, spec.name, spec.slice)
            assert stream is not None
    return versioned(connection, _slice_of(stream, spec.name, spec.slice, spec.reader), spec)


def _is_ready(stream: dict[str, Any], spec: StreamSpec) -> bool:
    """Whether all is there that a run writes to, but for its history."""
    is_markable = spec.deletions is None or stream["unseen_column"] is not None
    return is_markable and stream["table_name"] is not None and stream["slice_id"] is not None


def _make_ready(
    connection: Connection, cursor: Any, spec: StreamSpec, stream: dict[str, Any], *, has_other_tombstone: bool
) -> None:
    if stream["table_name"] is None:
        make_table(connection, spec.name, spec.schema, spec.tombstone)
    elif has_other_tombstone:
        _mark_deleted(cursor, spec, stream)
    if spec.deletions is not None:
        _make_markable(cursor, spec)
    if stream["slice_id"] is None:
        new = {"stream_id": stream["stream_id"], "stream": spec.name, "slice": spec.slice}
        cursor.execute(statement("insert_slice"), new)


def versioned(connection: Connection, slice_: Slice, spec: StreamSpec) -> Slice:
    """The slice as a run of this spec writes it, with the history that it asks for, made where there is none.

    Goes with the caller's transaction. Raises TableRefused where a table that is not ours has the name of the history.
    """
    if not spec.is_mutable:
        return slice_
    history = _make_history(connection, slice_) if spec.keeps_history else slice_.table.history
    table = replace(slice_.table, history=history, versions=_versions(spec))
    if spec.keeps_history:
        with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
            table = make_timeline(cursor, table, slice_.stream)
    return replace(slice_, table=table)


def _versions(spec: StreamSpec) -> Versions:
    given = spec.tombstone
    tombstone = None if given is None else (given.path, _canonical(given.value))
    return Versions(spec.version, spec.keeps_history, tombstone)


def make_table(
    connection: Connection, stream_name: str, schema: str | None = None, tombstone: Tombstone | None = None
) -> None:
    """Makes the stream's table where it has none yet. Goes with the caller's transaction."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        stream = _read_stream(cursor, stream_name)
        assert stream is not None
        cursor.execute(statement("lock_stream"), {"stream_id": stream["stream_id"]})
        stream = _read_stream(cursor, stream_name)
        if stream is None or stream["table_name"] is not None:
            return
        home, schema = _made_schema(cursor, schema)
        table = _place(cursor, stream_name, stream, schema)
        create = statement("create_sliced_table" if stream["is_sliced"] else "create_table")
        deleted_at = sql.SQL(",\n    ") + _deleted_at(tombstone) if tombstone else sql.SQL("")
        cursor.execute(sql.SQL(create).format(table=table.identifier, deleted_at=deleted_at))
        logger.info("made the table %s.%s for the stream %s", schema or home, table.name, stream_name)


def make_missing_tables(connection: Connection) -> None:
    """Those of streams that a migration has registered. Commits each."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("streams_without_table"))
        names = [name for (name,) in cursor.fetchall()]
        connection.rollback()
        for name in names:
            make_table(connection, name)
            connection.commit()


def _slice_of(found: dict[str, Any], stream: str, slice_name: str, reader: RecordReader) -> Slice:
    """Raises StorageRefused where there is no table."""
    if found["table_name"] is None:
        raise StorageRefused(f"the stream {stream} has no table yet: run scrapy migrate")
    slice_id = found["slice_id"]
    table = StreamTable(
        found["table_name"],
        found["table_schema"],
        slice_id if found["is_sliced"] else None,
        found["history_name"],
        unseen=found["unseen_column"],
    )
    return Slice(slice_id, found["stream_id"], stream, slice_name, table, reader)


def _read_stream(cursor: Any, stream: str, slice_name: str = NO_SLICE) -> dict[str, Any] | None:
    cursor.execute(statement("read_stream"), {"stream": stream, "slice": slice_name})
    row = cursor.fetchone()
    return dict(row) if row else None


def _check_reading(cursor: Any, spec: StreamSpec, stream: dict[str, Any]) -> bool:
    """Whether its tombstone is not the one that it was registered with."""
    remedy = (
        f"what is stored of it would mean two things. scrapy streams reset {spec.name} forgets that, and the next crawl"
        " reads all of it anew; or give this one another name"
    )
    if stream["source"] != spec.source:
        raise StreamChanged(
            f"the stream {spec.name} is of the source {stream['source']}, not of {spec.source}: give it another name"
        )
    if stream["is_sliced"] != spec.is_sliced:
        if stream["is_sliced"]:
            raise StreamChanged(f"the stream {spec.name} has slices, and none is named: set SLICE, or another STREAM")
        raise StreamChanged(
            f"the stream {spec.name} has no slices, and SLICE names {spec.slice}: leave it out, or set another STREAM"
        )
    known, wanted = stream["fingerprint"], spec.facts
    if known == wanted or not wanted:
        return False
    changes = (
        [
            f"{fact} was {known.get(fact, 'not set')!r} and is {wanted.get(fact, 'not set')!r}"
            for fact in sorted(known.keys() | wanted)
            if known.get(fact) != wanted.get(fact)
        ]
        if known
        else []
    )
    cursor.execute(statement("has_pages"), {"stream_id": stream["stream_id"]})
    if changes and cursor.fetchone()["has_pages"]:
        raise StreamChanged(f"the stream {spec.name} is read otherwise than before ({'; '.join(changes)}): {remedy}")
    cursor.execute(statement("lock_stream"), {"stream_id": stream["stream_id"]})
    cursor.execute(statement("save_fingerprint"), {"stream_id": stream["stream_id"], "fingerprint": Json(wanted)})
    return (known or {}).get("tombstone") != wanted.get("tombstone")


def _make_history(connection: Connection, slice_: Slice) -> str:
    if slice_.table.history is not None:
        return slice_.table.history
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        cursor.execute(statement("lock_stream"), {"stream_id": slice_.stream_id})
        stream = _read_stream(cursor, slice_.stream)
        assert stream is not None
        if stream["history_name"] is not None:
            return str(stream["history_name"])
        table = _history_table(cursor, slice_)
        cursor.execute(statement("save_history"), {"stream_id": slice_.stream_id, "history_name": table.name})
        cursor.execute(replace(slice_.table, history=table.name).statement("create_history"))
        logger.info("made the table %s for what later versions replace in the stream %s", table, slice_.stream)
    return table.name


def _history_table(cursor: Any, slice_: Slice) -> StreamTable:
    """Raises TableRefused where there is one of that name already."""
    table = slice_.table
    for name in (table.name, _marked(table.name, f"history of {slice_.stream}")):
        history = StreamTable(f"{name}{_HISTORY}", table.schema)
        cursor.execute(statement("is_name_of_ours"), {"schema": table.schema, "name": history.name})
        if cursor.fetchone()["exists"]:
            continue
        cursor.execute(statement("has_relation"), {"schema": table.schema, "name": history.name})
        if cursor.fetchone()["exists"]:
            raise TableRefused(
                f"what later versions replace in the stream {slice_.stream} goes to a table {history}, and there is one"
                " that is not ours: rename or drop it, or set KEEP_HISTORY=false"
            )
        return history
    raise StorageRefused(f"no table can be named after the history of the stream {slice_.stream}: give it another name")


def _mark_deleted(cursor: Any, spec: StreamSpec, stream: dict[str, Any]) -> None:
    """Makes ``deleted_at`` of an existing table what the spec says: nothing that is stored was read by another one."""
    table = _found_table(stream)
    if table.name == SEED_TABLE:
        if spec.tombstone is not None:
            raise StorageRefused(
                f"{table} has no column for tombstones, and stays as it is: give the stream another name"
            )
        return
    show_timeline(cursor, table)
    with set_aside(cursor, spec.name):
        cursor.execute(table.statement("drop_deleted_at"))
        cursor.execute(table.statement("drop_unseen_at"))
        cursor.execute(statement("save_unseen_column"), {"stream_id": stream["stream_id"], "unseen_column": None})
        if spec.tombstone is not None:
            add = sql.SQL(statement("add_deleted_at"))
            cursor.execute(add.format(table=table.identifier, deleted_at=_deleted_at(spec.tombstone)))
    show_timeline(cursor, replace(table, versions=_versions(spec)))


def _make_markable(cursor: Any, spec: StreamSpec) -> None:
    """Gives the table a column for marks, where it has none yet: ``deleted_at`` itself, if no tombstone makes that."""
    stream = _read_stream(cursor, spec.name)
    assert stream is not None
    if stream["unseen_column"] is not None:
        return
    cursor.execute(statement("lock_stream"), {"stream_id": stream["stream_id"]})
    stream = _read_stream(cursor, spec.name)
    assert stream is not None
    if stream["unseen_column"] is not None:
        return
    table = _found_table(stream)
    if table.name == SEED_TABLE:
        raise StorageRefused(f"{table} has no column for deletions, and stays as it is: give the stream another name")
    column = "deleted_at" if spec.tombstone is None else "unseen_at"
    marked = replace(table, unseen=column)
    cursor.execute(marked.statement("add_unseen"))
    if spec.tombstone is not None:
        with set_aside(cursor, spec.name):
            cursor.execute(table.statement("drop_deleted_at"))
            add = sql.SQL(statement("add_deleted_at"))
            of_both = _deleted_at(spec.tombstone, sql.SQL("unseen_at"))
            cursor.execute(add.format(table=table.identifier, deleted_at=of_both))
    show_timeline(cursor, replace(marked, versions=_versions(spec)))
    if spec.is_sliced:
        cursor.execute(table.statement("index_slices"))
    cursor.execute(statement("save_unseen_column"), {"stream_id": stream["stream_id"], "unseen_column": column})
    logger.info("made a column %s for deletions in the table %s of the stream %s", column, table, spec.name)


def _found_table(stream: dict[str, Any]) -> StreamTable:
    """For statements about the table itself, and not about rows of a slice: the number of that is any."""
    return StreamTable(
        stream["table_name"],
        stream["table_schema"],
        slice_id=0 if stream["is_sliced"] else None,
        history=stream["history_name"],
        timeline=stream["timeline_name"] if stream["has_timeline"] else None,
    )


def _deleted_at(tombstone: Tombstone, otherwise: sql.Composable = sql.NULL) -> sql.Composed:
    path, value = sql.Literal(list(tombstone.path)), sql.Literal(_canonical(tombstone.value))
    return sql.SQL(statement("deleted_at")).format(path=path, value=value, otherwise=otherwise)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _made_schema(cursor: Any, schema: str | None) -> tuple[str, str | None]:
    """The schema of all other tables, and this one as the registry has it: None where it is that. Makes it."""
    cursor.execute(statement("read_home"), {"schema": schema})
    row = cursor.fetchone()
    home = str(row["home"])
    if schema is None or schema == home:
        return home, None
    if not row["exists"]:
        # Of two that make it at once one would fail, also where it says IF NOT EXISTS.
        cursor.execute(statement("lock_migrations"))
        cursor.execute(sql.SQL(statement("create_schema")).format(schema=sql.Identifier(schema)))
    return home, schema


def _place(cursor: Any, stream_name: str, stream: dict[str, Any], schema: str | None) -> StreamTable:
    """Says in the registry which table it is to be. Raises TableRefused where there is one of that name already."""
    for is_taken in (False, True):
        table = StreamTable(table_name(stream["source"], stream_name, is_taken=is_taken), schema)
        place = {"stream_id": stream["stream_id"], "table_schema": schema, "table_name": table.name}
        cursor.execute(statement("is_name_of_ours"), {"schema": schema, "name": table.name})
        if cursor.fetchone()["exists"]:
            continue
        cursor.execute("SAVEPOINT placed")
        try:
            cursor.execute(statement("save_table"), place)
        except psycopg2.errors.UniqueViolation:
            cursor.execute("ROLLBACK TO SAVEPOINT placed")
            continue
        cursor.execute("RELEASE SAVEPOINT placed")
        break
    else:
        raise StorageRefused(f"no table can be named after the stream {stream_name}: give it another name")
    cursor.execute(statement("has_relation"), {"schema": schema, "name": table.name})
    if cursor.fetchone()["exists"]:
        raise TableRefused(
            f"the stream {stream_name} needs a table {table}, and there is one that is not ours: rename or drop it,"
            " give the stream another name, or set DATABASE_SCHEMA to a schema of its own"
        )
    return table
