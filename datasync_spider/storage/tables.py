"""Makes the tables what this version needs, or refuses them: before a migration that would adopt them, and after.

Invariant: no migration is applied to tables that are not as the ones before it have made them, and none where something
of other hands is in its way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from datasync_spider.storage.connection import Connection
from datasync_spider.storage.migrate import Migration, migrate
from datasync_spider.storage.obstacles import refuse_obstacles
from datasync_spider.storage.registry import make_missing_tables
from datasync_spider.storage.shape import check_tables
from datasync_spider.storage.upgrade import look_ahead

logger = logging.getLogger(__name__)


def prepare_tables(connection: Connection, on_applied: Callable[[Migration], None] = lambda _: None) -> None:
    """Safe to call from several processes at once, and again.

    Raises TableRefused, ObjectsInTheWay, LeaseHeld or MigrationError.
    """
    check_tables(connection)
    upgrade = look_ahead(connection)
    refuse_obstacles(upgrade.obstacles)
    for line in upgrade.sharing.lines() if upgrade.sharing else ():
        logger.warning("%s", line)
    if migrate(connection, on_applied=on_applied):
        check_tables(connection)
    make_missing_tables(connection)
