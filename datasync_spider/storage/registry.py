"""Sources, streams and slices as rows: which there are, where their records are, how their pages are read.

States of a stream that opens for the first time, and what a crash in each leaves behind (one transaction, so nothing):

named     a row of ingestion_sources and of ingestion_streams; another process that opens the same one waits here
placed    the row says which table; of two streams whose names ask for one table, the second gets another name
made      the table exists
sliced    a row of ingestion_state: the slice's position, lease and fence

Invariant: what is registered is never changed by opening it again. A stream that is read otherwise than before is
refused, since what is stored of it would mean two things. No table that is not in the registry is ever written to.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg2.errors
from psycopg2 import sql
from psycopg2.extras import Json

from datasync_spider.api.credential import NO_KEY, Credential
from datasync_spider.errors import StorageRefused, StorageUnavailable, StreamChanged, TableRefused
from datasync_spider.storage.connect import Connection, RowCursor
from datasync_spider.storage.sql import statement
from datasync_spider.storage.streamtable import StreamTable
from datasync_spider.storage.translate import translated
from datasync_spider.streamnames import NO_SLICE, label

logger = logging.getLogger(__name__)

BUILT_IN_SOURCE = "datasync"

# PostgreSQL cuts longer names silently; the longest suffix is that of a history table.
_LONGEST_NAME_BYTES = 63 - len("__history")
_DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream as its source describes it, and the slice that is meant.

    ``name`` is unique in a database. ``schema``: where its table is to be made; None for where all others are.
    ``fingerprint``: how its pages are read, by fact. ``credential``: what its source is asked with.
    """

    name: str
    slice: str = NO_SLICE
    source: str = BUILT_IN_SOURCE
    schema: str | None = None
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    credential: Credential = NO_KEY

    @property
    def is_sliced(self) -> bool:
        return self.slice != NO_SLICE


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that is registered. ``stream`` and ``name`` are for people; everything goes by the numbers."""

    slice_id: int
    stream_id: int
    stream: str
    name: str
    table: StreamTable

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
    mark = "_" + hashlib.sha256(f"{source} {stream}".encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return full.encode()[: _LONGEST_NAME_BYTES - len(mark)].decode(errors="ignore") + mark


def find_slice(connection: Connection, stream: str, slice_name: str = NO_SLICE) -> Slice | None:
    """The slice, or None where no run has ever opened it. The transaction goes on."""
    with translated(), connection.cursor() as cursor:
        return _find(cursor, stream, slice_name)


def register(connection: Connection, spec: StreamSpec) -> Slice:
    """The slice, made with its stream, source and table where it is new. Goes with the caller's transaction.

    Raises StreamChanged where the stream is registered and read otherwise, TableRefused where somebody else's table has
    the name that it would have, StorageUnavailable where it is being dropped by another process.
    """
    with translated():
        try:
            return _register(connection, spec)
        except psycopg2.errors.ForeignKeyViolation as error:
            told = f"the stream {spec.name} has just been dropped by another process"
            raise StorageUnavailable(told, error.pgcode) from error


def _register(connection: Connection, spec: StreamSpec) -> Slice:
    with connection.cursor(cursor_factory=RowCursor) as cursor:
        values = {"source": spec.source, "stream": spec.name, "is_sliced": spec.is_sliced}
        stream = _read_stream(cursor, spec.name)
        if stream is None:
            cursor.execute(statement("insert_source"), values)
            cursor.execute(statement("insert_stream"), values)
            stream = _read_stream(cursor, spec.name)
            assert stream is not None
        _check_reading(cursor, spec, stream)
        if stream["table_name"] is None:
            make_table(connection, spec.name, spec.schema)
    with connection.cursor() as plain:
        found = _find(plain, spec.name, spec.slice)
        if found is None:
            new = {"stream_id": stream["stream_id"], "stream": spec.name, "slice": spec.slice}
            plain.execute(statement("insert_slice"), new)
            found = _find(plain, spec.name, spec.slice)
            assert found is not None
        return found


def make_table(connection: Connection, stream_name: str, schema: str | None = None) -> None:
    """Makes the stream's table where it has none yet. Goes with the caller's transaction."""
    with translated(), connection.cursor(cursor_factory=RowCursor) as cursor:
        stream = _read_stream(cursor, stream_name)
        assert stream is not None
        cursor.execute(statement("lock_stream"), {"stream_id": stream["stream_id"]})
        stream = _read_stream(cursor, stream_name)
        if stream is None or stream["table_name"] is not None:
            return
        schema = _made_schema(cursor, schema)
        table = _place(cursor, stream_name, stream, schema)
        create = statement("create_sliced_table" if stream["is_sliced"] else "create_table")
        cursor.execute(sql.SQL(create).format(table=table.identifier))
        logger.info("made the table %s for the stream %s", table, stream_name)


def make_missing_tables(connection: Connection) -> None:
    """Those of streams that a migration has registered. Commits each."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("streams_without_table"))
        names = [name for (name,) in cursor.fetchall()]
        connection.rollback()
        for name in names:
            make_table(connection, name)
            connection.commit()


def _find(cursor: Any, stream: str, slice_name: str) -> Slice | None:
    cursor.execute(statement("find_slice"), {"stream": stream, "slice": slice_name})
    row = cursor.fetchone()
    if row is None:
        return None
    slice_id, stream_id, schema, name, _, is_sliced = row
    if name is None:
        raise StorageRefused(f"the stream {stream} has no table yet: run scrapy migrate")
    return Slice(slice_id, stream_id, stream, slice_name, StreamTable(name, schema, slice_id if is_sliced else None))


def _read_stream(cursor: Any, stream: str) -> dict[str, Any] | None:
    cursor.execute(statement("read_stream"), {"stream": stream})
    row = cursor.fetchone()
    return dict(row) if row else None


def _check_reading(cursor: Any, spec: StreamSpec, stream: dict[str, Any]) -> None:
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
    known, wanted = stream["fingerprint"], dict(spec.fingerprint)
    if known == wanted or not wanted:
        return
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


def _made_schema(cursor: Any, schema: str | None) -> str | None:
    """The schema as the registry has it: None for the one of all other tables. Made where it is missing."""
    cursor.execute(statement("read_home"), {"schema": schema})
    row = cursor.fetchone()
    if schema is None or schema == row["home"]:
        return None
    if not row["exists"]:
        cursor.execute(sql.SQL(statement("create_schema")).format(schema=sql.Identifier(schema)))
    return schema


def _place(cursor: Any, stream_name: str, stream: dict[str, Any], schema: str | None) -> StreamTable:
    """Says in the registry which table it is to be. Raises TableRefused where there is one of that name already."""
    for is_taken in (False, True):
        table = StreamTable(table_name(stream["source"], stream_name, is_taken=is_taken), schema)
        place = {"stream_id": stream["stream_id"], "table_schema": schema, "table_name": table.name}
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
