"""Makes the tables what this version needs, or refuses them: before a migration that would adopt them, and after.

Invariant: no migration is applied to tables that are not as the ones before it have made them.
"""

from __future__ import annotations

from collections.abc import Callable

from datasync_spider.storage.connect import Connection
from datasync_spider.storage.migrate import Migration, migrate
from datasync_spider.storage.registry import make_missing_tables
from datasync_spider.storage.shape import check_tables


def prepare_tables(connection: Connection, on_applied: Callable[[Migration], None] = lambda _: None) -> None:
    """Raises TableRefused or MigrationError. Safe to call from several processes at once, and again."""
    check_tables(connection)
    if migrate(connection, on_applied=on_applied):
        check_tables(connection)
    make_missing_tables(connection)
