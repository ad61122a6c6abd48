"""A connection whose every transaction says for itself what matters.

What a role, a database, postgresql.conf, PGOPTIONS or another variable sets for a session is none of our business, and
would otherwise change what is stored and read: the encoding, the time zone, the isolation level, the schema, limits of
time. Nothing is set on the session, since a transaction-pooling proxy may stand between and would hand it on to others;
so it is all set for the transaction, by its BEGIN and by its first statement.

Invariant: no statement reaches the server in a transaction that does not begin so. That is why every cursor is one of
the two classes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from psycopg2 import extensions
from psycopg2.extras import RealDictCursor

from datasync_spider.storage.dsn import names_search_path
from datasync_spider.storage.schema import home_schema
from datasync_spider.storage.sql import statement

_Values: TypeAlias = Sequence[Any] | Mapping[str, Any] | None


class Connection(extensions.connection):
    """``server_pid``: the server's process of the last transaction; behind a pooler no other can be known."""

    server_pid: int | None = None
    _home: str | None = None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Raises TypeError for a class of cursor that would begin a transaction without our settings."""
        made = super().cursor(*args, **kwargs)
        if not isinstance(made, (Cursor, RowCursor)):
            raise TypeError(f"{type(made).__name__} begins transactions that the session's settings reach")
        return made

    def begin(
        self,
        *,
        lock_timeout_ms: int = 0,
        idle_timeout_ms: int = 0,
        statement_timeout_ms: int = 0,
        slice_id: int | None = None,
    ) -> None:
        """Begins a transaction, or sets the limits of the one that is open. 0 is no limit.

        ``slice_id``: the slice that it writes to, for whoever has to know on the server what its backends do.

        The first statement through a cursor does so by itself, without a limit. Raises psycopg2's errors, and
        StorageRefused where it is not clear in which schema the tables are.
        """
        limits = {
            "lock_timeout_ms": str(lock_timeout_ms),
            "idle_timeout_ms": str(idle_timeout_ms),
            "statement_timeout_ms": str(statement_timeout_ms),
            "slice_id": slice_id,
        }
        # A plain cursor: one of ours would come back here.
        with super().cursor(cursor_factory=extensions.cursor) as plain:
            if self._home is None:
                # Under our limits, but along the session's path.
                plain.execute(statement("begin_transaction"), {**limits, "search_path": None})
                self._home = self._find_home(plain)
            # pg_catalog comes first where it is not named; temporary tables would.
            path = f"{extensions.quote_ident(self._home, plain)}, pg_temp"
            plain.execute(statement("begin_transaction"), {**limits, "search_path": path})
            (self.server_pid, *_) = plain.fetchone() or (None,)

    def _find_home(self, plain: extensions.cursor) -> str:
        plain.execute(statement("read_search_path"))
        path = [schema for (schema,) in plain.fetchall()]
        plain.execute(statement("find_our_schemas"))
        return home_schema(path, plain.fetchall(), is_explicit=names_search_path(self.dsn))


class _Beginning(extensions.cursor):
    """A cursor that begins each transaction with our settings."""

    connection: Connection

    def execute(self, query: Any, vars: _Values = None) -> None:  # noqa: A002 - psycopg2's name
        self._begin()
        super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        self._begin()
        super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self._begin()
        super().copy_expert(sql, file, size)

    def _begin(self) -> None:
        if self.connection.status == extensions.STATUS_READY:
            self.connection.begin()


class Cursor(_Beginning):
    """Gives rows as tuples."""


class RowCursor(_Beginning, RealDictCursor):
    """Gives rows by column name."""
