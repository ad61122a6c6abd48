"""Whether a session of another client can have the search path that DATABASE_URL gives in its options.

Each transaction of ours sets it for itself; psql can only be given it as an option, which a pooler between us and the
server refuses, or leaves out and says nothing. Invariant: nothing is set here; a connection that fails otherwise is for
that client to report.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2

from datasync_spider.storage.dsn import connection_parameters
from datasync_spider.storage.options import refused_parameter, split_path

_CONNECT_SECONDS = 5


def path_not_taken(database_url: str) -> str | None:
    """The path, where a session does not get it; None where it does, or where the URL gives none."""
    parameters: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, **connection_parameters(database_url)}
    _, path = split_path(parameters.get("options", ""))
    if path is None:
        return None
    try:
        with closing(psycopg2.connect(**parameters)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SHOW search_path")
                return None if cursor.fetchone() == (path,) else path
    except psycopg2.Error as error:
        return path if refused_parameter(str(error)) in {"options", "search_path"} else None
