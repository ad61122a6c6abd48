"""The table of a stream, and the statements that touch its rows.

Invariant: no statement of ours touches rows but through here, so none can forget whose they are. Names reach the text
as quoted identifiers, a slice's number as a literal, and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

from datasync_spider.storage.sql import statement

# What the first migration has made; the stream that has it keeps it as it is.
SEED_TABLE = "ingested_events"

_COLUMNS = "event_id, occurred_at, payload"


@dataclass(frozen=True, slots=True)
class StreamTable:
    """``schema``: None for the one of all other tables. ``slice_id``: None where the stream has no slices."""

    name: str
    schema: str | None = None
    slice_id: int | None = None

    def statement(self, name: str) -> sql.Composed:
        """The named statement, for the rows of this slice alone.

        ``{table}``, its ``{columns}`` and its ``{key}``, the condition ``{of_slice}``, and ``{staged}``: the columns as
        they are read from ``staged_events``.
        """
        is_sliced = self.slice_id is not None
        number = sql.Literal(self.slice_id)
        return sql.SQL(statement(name)).format(
            table=self.identifier,
            columns=sql.SQL(f"slice_id, {_COLUMNS}" if is_sliced else _COLUMNS),
            key=sql.SQL("event_id, slice_id" if is_sliced else "event_id"),
            of_slice=sql.SQL("slice_id = {}").format(number) if is_sliced else sql.SQL("true"),
            staged=sql.SQL("{}::bigint, " + _COLUMNS).format(number) if is_sliced else sql.SQL(_COLUMNS),
        )

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name) if self.schema is None else sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"
