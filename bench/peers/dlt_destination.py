"""Where the peers' programs load to. Run by the peers' own interpreter, and imports nothing of the project."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials


def destination(host: str, port: str, database: str) -> Any:
    """The destination with its defaults. ``host`` may be a directory with the server's socket."""
    credentials = PostgresCredentials()
    # A directory stands for a socket, and must be quoted within a URL.
    credentials.drivername, credentials.host, credentials.port = "postgresql", quote(host, safe=""), int(port)
    credentials.username, credentials.password, credentials.database = "postgres", "unused", database
    credentials.resolve()
    return postgres(credentials=credentials)
