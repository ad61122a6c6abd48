"""The one border at which psycopg2's errors become ours, by SQLSTATE and never by message.

The codes are those of PostgreSQL's appendix "PostgreSQL Error Codes"; an error without a code comes from the client
library and means that the connection is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from datasync_spider.errors import RowsRejected, StorageError, StorageRefused, StorageUnavailable

# Classes (the first two characters) that a fresh connection, or time, may mend.
_PASSING_CLASSES = frozenset({"08", "53", "57", "58", "40", "25"})
_PASSING_CODES = frozenset({"55P03", "55006", "25P03", "25P04", "XX000"})
# Classes that speak of the data in hand. 54 is a limit that a row exceeds, such as a too large index entry.
_DATA_CLASSES = frozenset({"21", "22", "23", "54"})
UNIQUE_VIOLATION = "23505"
# What a server's words leave open. A standby may be made the primary, so it is tried again for a while.
_REMEDIES = {"25006": "the server takes no writes, as a standby does: name the primary in DATABASE_URL"}


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
