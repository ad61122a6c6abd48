"""Opens connections to PostgreSQL.

Invariant: nothing is set on the session, so that a transaction-pooling proxy may stand between; what a transaction
needs it sets for itself (:mod:`datasync_spider.storage.connection`). A peer that is gone without a word is noticed by
TCP within half a minute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2

from datasync_spider.errors import StorageRefused, StorageUnavailable
from datasync_spider.storage.connection import Connection, Cursor, RowCursor
from datasync_spider.storage.dsn import connection_parameters, counting_variables, refused_part, refused_variable
from datasync_spider.storage.translate import translated

__all__ = ["Connection", "RowCursor", "begin", "close_quietly", "connect", "connected", "roll_back"]

_TCP_LIMITS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


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
    try:
        with translated():
            connection: Connection = _opened(parameters)
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


def begin(connection: Connection) -> None:
    """Begins a transaction: only that proves, behind a pooler, that the server works for this connection."""
    with translated():
        connection.begin()


def roll_back(connection: Connection) -> bool:
    """Ends the transaction, where there is one. A connection that cannot even do that is closed, and no use."""
    try:
        connection.rollback()
    except psycopg2.Error:
        close_quietly(connection)
        return False
    return True


@contextmanager
def connected(database_url: str, *, connect_timeout_seconds: int = 5) -> Iterator[Connection]:
    """A connection for one piece of work: commit is spoken by the caller, anything else is rolled back by closing."""
    connection = connect(database_url, connect_timeout_seconds=connect_timeout_seconds)
    try:
        with translated():
            yield connection
    finally:
        close_quietly(connection)
