"""A database URL as libpq's environment variables, so that no password gets onto a command line."""

from __future__ import annotations

from psycopg2.extensions import parse_dsn

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.translate import translated

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def libpq_environment(database_url: str) -> dict[str, str]:
    """The variables that make any libpq client connect to the same database.

    Raises StorageRefused where the URL cannot be understood or holds a parameter that has no variable.
    """
    try:
        with translated():
            parameters = parse_dsn(database_url)
    except StorageRefused:
        raise StorageRefused("DATABASE_URL cannot be understood as a PostgreSQL URL") from None
    unknown = sorted(set(parameters) - set(_VARIABLES))
    if unknown:
        raise StorageRefused(f"DATABASE_URL has parameters that psql's environment cannot carry: {', '.join(unknown)}")
    return {_VARIABLES[name]: value for name, value in parameters.items()}
