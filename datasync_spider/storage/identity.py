"""Which database this is, for processes of several machines that must all mean the same one.

Each cluster of PostgreSQL gets a number when it is made: a standby has its primary's, a dump that is restored elsewhere
has another one. With the database's own number and our schema it says which tables are meant, by whatever address.

Invariant: nothing is written to find it out, so that it is known before a wrong database is touched.
"""

from __future__ import annotations

from collections.abc import Mapping

from datasync_spider.errors import ConfigurationError
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.statements import statement

EXPECTED = "DATASYNC_FLEET_DATABASE"
"""The variable that tells it to a process that a worker of a fleet starts."""


def identity_of(connection: Connection) -> str:
    """Empty where the server does not tell its number to this role. Ends the open transaction. Raises StorageError."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("may_identify_cluster"))
        ((is_allowed,),) = cursor.fetchall()
        identity = ""
        if is_allowed:
            cursor.execute(statement("identify_database"))
            ((identity,),) = cursor.fetchall()
        connection.rollback()
    return str(identity)


def check_identity(connection: Connection, environ: Mapping[str, str]) -> None:
    """Raises ConfigurationError where another database is expected than this one."""
    expected = environ.get(EXPECTED, "")
    if expected and (found := identity_of(connection)) not in {"", expected}:
        raise ConfigurationError(
            f"DATABASE_URL of this worker leads to another database ({found}) than that of the driver ({expected}; each"
            " is the number of the server's data, of the database, and the schema): give the same one to all"
        )
