"""Connections to PostgreSQL whose every transaction says for itself what matters, and whose errors are ours.

What a role, a database, postgresql.conf, PGOPTIONS or another variable sets for a session is none of our business, and
would otherwise change what is stored and read: the encoding, the time zone, the isolation level, the schema, limits of
time. Nothing is set on the session, since a transaction-pooling proxy may stand between and would hand it on to others;
so it is all set for the transaction, by its BEGIN and by its first statement.

psycopg2's errors become ours here and nowhere else, by SQLSTATE and never by message. The codes are those of
PostgreSQL's appendix "PostgreSQL Error Codes"; an error without a code comes from the client library and means that the
connection is gone.

Invariants: no statement reaches the server in a transaction that does not begin so, which is why every cursor is one of
the two classes here. Each has an idle limit, whoever begins it: one that has lost its client keeps its locks for
IDLE_TIMEOUT_MS, one of a run for as long as a lease lives. What is no idleness to the server, a COPY, is ended by
:mod:`datasync_spider.storage.backends`. Each waits for a lock for LOCK_TIMEOUT_MS at most; who waits longer says so,
and is watched. A peer that is gone without a word is noticed by TCP within half a minute.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, overload

import psycopg2
from psycopg2 import extensions
from psycopg2.extras import RealDictCursor

from datasync_spider.errors import RowsRejected, StorageError, StorageRefused, StorageUnavailable
from datasync_spider.storage.dsn import (
    connection_parameters,
    counting_variables,
    refused_by_pooler,
    refused_part,
    refused_variable,
)
from datasync_spider.storage.options import split_path
from datasync_spider.storage.schema import home_schema
from datasync_spider.storage.statements import statement

_Values: TypeAlias = Sequence[Any] | Mapping[str, Any] | None

# For what no lease covers: each step of it is a round trip away from the next.
IDLE_TIMEOUT_MS = 10_000
# For what is read piece by piece and handed on: whoever reads a pipe may stand still for long, and so may a disk.
HANDED_ON_IDLE_TIMEOUT_MS = 3_600_000
LOCK_TIMEOUT_MS = 10_000
# Only where somebody watches what is waited for, or a statement's own limit ends it.
NO_LOCK_TIMEOUT_MS = 0

_TCP_LIMITS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Classes (the first two characters) that a fresh connection, or time, may mend.
_PASSING_CLASSES = frozenset({"08", "53", "57", "58", "40", "25"})
_PASSING_CODES = frozenset({"55P03", "55006", "25P03", "25P04", "XX000"})
# Classes that speak of the data in hand. 54 is a limit that a row exceeds, such as a too large index entry.
_DATA_CLASSES = frozenset({"21", "22", "23", "54"})
UNIQUE_VIOLATION = "23505"
# What a server's words leave open. A standby may be made the primary, so it is tried again for a while.
_REMEDIES = {
    "25006": "the server takes no writes, as a standby does: name the primary in DATABASE_URL",
    "55P03": "another transaction, such as a migration, has locked a table or a row: let it end, and try again",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Connection(extensions.connection):
    """``server_pid``: the server's process of the last transaction; behind a pooler no other can be known.

    ``url_path``: the search path that DATABASE_URL itself gives, if any. ``lock_timeout_ms``: of transactions that do
    not say one of their own.
    """

    lock_timeout_ms = LOCK_TIMEOUT_MS
    server_pid: int | None = None
    url_path: str | None = None
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
        lock_timeout_ms: int | None = None,
        idle_timeout_ms: int = IDLE_TIMEOUT_MS,
        statement_timeout_ms: int = 0,
        slice_id: int | None = None,
    ) -> None:
        """Begins a transaction, or sets the limits of the one that is open. 0 is no limit; none may be idle for ever.

        ``lock_timeout_ms``: None is the connection's. ``slice_id``: the slice that it writes to, for whoever has to
        know on the server what its backends do.

        The first statement through a cursor does so by itself, with these limits. Raises psycopg2's errors, and
        StorageRefused where it is not clear in which schema the tables are.
        """
        assert idle_timeout_ms > 0
        limits = {
            "lock_timeout_ms": str(self.lock_timeout_ms if lock_timeout_ms is None else lock_timeout_ms),
            "idle_timeout_ms": str(idle_timeout_ms),
            "statement_timeout_ms": str(statement_timeout_ms),
            "slice_id": slice_id,
        }
        # A plain cursor: one of ours would come back here.
        with super().cursor(cursor_factory=extensions.cursor) as plain:
            if self._home is None:
                # Under our limits, but along the path that is given: by the URL, else by the session.
                self._say(plain, {**limits, "search_path": self.url_path})
                self._home = self._find_home(plain)
            # pg_catalog comes first where it is not named; temporary tables would.
            path = f"{extensions.quote_ident(self._home, plain)}, pg_temp"
            self._say(plain, {**limits, "search_path": path})
            (self.server_pid, *_) = plain.fetchone() or (None,)

    def _say(self, plain: extensions.cursor, settings: Mapping[str, Any]) -> None:
        try:
            plain.execute(statement("begin_transaction"), settings)
        except psycopg2.errors.FeatureNotSupported:
            # READ WRITE, on a server that is a standby by now: a pooler keeps our connection when it goes to another.
            self.readonly = None
            plain.execute(statement("begin_transaction"), settings)
        except psycopg2.errors.InvalidParameterValue as error:
            raise StorageRefused(f"{error.diag.message_primary} (from the options of DATABASE_URL)") from error

    def _find_home(self, plain: extensions.cursor) -> str:
        plain.execute(statement("read_search_path"))
        path = [schema for (schema,) in plain.fetchall()]
        plain.execute(statement("find_our_schemas"))
        return home_schema(path, plain.fetchall(), is_explicit=self.url_path is not None)


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


def connect(database_url: str, *, connect_timeout_seconds: int = 5, label: str = "datasync") -> Connection:
    """An open connection in psycopg2's default mode: a transaction starts with the first statement.

    ``label``: the name under which the server lists it; see :mod:`datasync_spider.storage.backends`.
    Raises StorageUnavailable where the server cannot be reached or refuses the login (libpq does not distinguish them
    by code), StorageRefused where the URL, or a variable that libpq takes from the environment, cannot be used.
    """
    parameters: dict[str, Any] = {
        **connection_parameters(database_url),
        **_TCP_LIMITS,
        "connect_timeout": connect_timeout_seconds,
        "application_name": label,
        # Text is stored as the bytes that are sent, read in the encoding of the session.
        "client_encoding": "UTF8",
    }
    options, path = split_path(parameters.get("options", ""))
    if path is not None:
        # Empty, they are still the URL's and not the environment's.
        parameters["options"] = options
    try:
        with translated():
            connection: Connection = _opened(parameters)
            connection.url_path = path
            # For each BEGIN; nothing is sent. A standby would refuse to write, and one may look there.
            readonly = False if connection.get_parameter_status("in_hot_standby") == "off" else None
            connection.set_session(isolation_level="READ COMMITTED", readonly=readonly, deferrable=False)
            return connection
    except StorageUnavailable as error:
        raise _with_cause(error, database_url) from error


def _opened(parameters: dict[str, Any]) -> Connection:
    try:
        opened: Connection = psycopg2.connect(connection_factory=Connection, cursor_factory=Cursor, **parameters)
    except UnicodeDecodeError as error:
        # Until a login has succeeded a server speaks the encoding of its own messages, whatever it is asked for.
        words = error.object.decode("utf-8", "backslashreplace")
        raise StorageUnavailable(" ".join(words.split())) from error
    return opened


def _with_cause(error: StorageUnavailable, database_url: str) -> StorageUnavailable | StorageRefused:
    """The error, with the environment's part in it, or the URL's: only names, since one of them is the password's."""
    unsupported = refused_by_pooler(os.environ, database_url, str(error))
    if unsupported is not None:
        return StorageRefused(f"{error} ({unsupported})")
    refused = refused_variable(os.environ, database_url, str(error))
    if refused is not None:
        return StorageRefused(f"{error} (this is {refused} of the environment: correct or unset it)")
    part = refused_part(database_url, str(error))
    if part is not None:
        return StorageRefused(f"{error} ({part})")
    names = counting_variables(os.environ, database_url)
    return StorageUnavailable(f"{error} (the environment's {', '.join(names)} count as well)") if names else error


def close_quietly(connection: Connection | None) -> None:
    """Closes; a connection that is broken already is closed enough."""
    if connection is not None:
        with suppress(psycopg2.Error):
            connection.close()


def roll_back(connection: Connection) -> bool:
    """Ends the transaction, where there is one. A connection that cannot even do that is closed, and no use."""
    try:
        connection.rollback()
    except psycopg2.Error:
        close_quietly(connection)
        return False
    return True


def hang_up(connection: Connection) -> None:
    """On our side: closing would wait for the statement. Whoever waits for its answer finds the connection broken."""
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def connected(
    database_url: str, *, connect_timeout_seconds: int = 5, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> Iterator[Connection]:
    """A connection for one piece of work: commit is spoken by the caller, anything else is rolled back by closing."""
    connection = connect(database_url, connect_timeout_seconds=connect_timeout_seconds)
    connection.lock_timeout_ms = lock_timeout_ms
    try:
        with translated():
            yield connection
    finally:
        close_quietly(connection)


def limit_transaction(
    connection: Connection, idle_timeout_ms: int, lock_timeout_ms: int = LOCK_TIMEOUT_MS, slice_id: int | None = None
) -> None:
    """Begins a transaction that waits at most so long for a lock, and ends when no one speaks for so long.

    A run's may be idle for as long as its lease lives. ``slice_id``: the slice that it writes to.
    """
    connection.begin(lock_timeout_ms=lock_timeout_ms, idle_timeout_ms=idle_timeout_ms, slice_id=slice_id)


def classify(sqlstate: str | None) -> type[StorageError]:
    """The class of our error for a SQLSTATE; None means that the server did not say."""
    if sqlstate is None:
        return StorageUnavailable
    if sqlstate in _PASSING_CODES or sqlstate[:2] in _PASSING_CLASSES:
        return StorageUnavailable
    if sqlstate[:2] in _DATA_CLASSES:
        return RowsRejected
    return StorageRefused


def translate(error: psycopg2.Error) -> StorageError:
    """Our error for one of psycopg2's. The text is the server's primary message, which holds no row data."""
    sqlstate = error.pgcode
    # libpq breaks its lines; a log line is one.
    message = " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__
    if sqlstate is None and isinstance(error, psycopg2.ProgrammingError):
        return StorageRefused(message)
    if sqlstate in _REMEDIES:
        message = f"{message} ({_REMEDIES[sqlstate]})"
    return classify(sqlstate)(message, sqlstate)


@contextmanager
def translated() -> Iterator[None]:
    """Lets psycopg2 errors out as :class:`~datasync_spider.errors.StorageError`, with the original as their cause."""
    try:
        yield
    except psycopg2.Error as error:
        raise translate(error) from error


@overload
def instant_of(us: int) -> datetime: ...
@overload
def instant_of(us: None) -> None: ...
def instant_of(us: int | None) -> datetime | None:
    """Of microseconds since 1970, as PostgreSQL is given an instant."""
    return None if us is None else _EPOCH + timedelta(microseconds=us)


@overload
def us_of(instant: datetime) -> int: ...
@overload
def us_of(instant: None) -> None: ...
def us_of(instant: datetime | None) -> int | None:
    """The other way."""
    return None if instant is None else (instant - _EPOCH) // timedelta(microseconds=1)
