"""The embedded PostgreSQL as the rest of the program sees it: a URL, and failures that are storage's.

Invariant: the URL is used like one of DATABASE_URL; nothing distinguishes the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasync_spider.errors import StorageRefused, StorageUnavailable
from embedded_postgres.errors import ServerRefused, ServerUnavailable
from embedded_postgres.starting import psql_path, start_embedded


@contextmanager
def embedded_database(home: Path) -> Iterator[str]:
    """Its URL, good as long as the context lasts.

    Raises StorageUnavailable where trying again may help and StorageRefused where it cannot.
    """
    try:
        server = start_embedded(home)
    except ServerUnavailable as error:
        raise StorageUnavailable(str(error), error.sqlstate) from error
    except ServerRefused as error:
        raise StorageRefused(str(error), error.sqlstate) from error
    with server:
        yield server.url


def bundled_psql() -> Path:
    """The command-line client that comes with it. Raises StorageRefused where it is not there."""
    try:
        return psql_path()
    except ServerRefused as error:
        raise StorageRefused(str(error)) from error
