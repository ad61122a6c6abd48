"""What others have built on our tables that stands in the way of pending migrations: views, foreign keys, functions.

PostgreSQL refuses to change what something else depends on, or drops that as well where it is asked to; no one's view
is ours to drop. What is in the way is found beforehand, and named, with what makes it again.

Invariant: looks only, and only into the catalog. What will change is read from the shapes of the tables before and
after, so that no migration has to say it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from datasync_spider.errors import ObjectsInTheWay
from datasync_spider.storage.connection import Connection, translated
from datasync_spider.storage.shape import changes, read_tables
from datasync_spider.storage.statements import statement

_MOST_NAMED = 10


class Obstacle(Struct, frozen=True):
    """``what``: its kind and name. ``on``: the part of our tables that it needs. ``definition``: what makes it."""

    what: str
    on: str
    definition: str | None

    def __str__(self) -> str:
        return f"{self.what} (on {self.on})"


def find_obstacles(connection: Connection, version: int, target: int) -> list[Obstacle]:
    """In a database with so many migrations, in the order in which they are to be dropped. Rolls back."""
    changed = changes(version, target) if version else []
    columns = [(each.table, column, False) for each in changed for column in each.retyped]
    columns += [(each.table, column, True) for each in changed for column in each.gone]
    if not changed:
        return []
    tables = read_tables(connection)
    keys = [
        index
        for each in changed
        for index, (_, fact) in tables[each.table].keys.items()
        if each.table in tables and fact in each.keys
    ]
    values = {
        "tables": [table for table, _, _ in columns],
        "columns": [column for _, column, _ in columns],
        "gone": [is_gone for _, _, is_gone in columns],
        "keys": keys,
    }
    with translated(), connection.cursor() as cursor:
        cursor.execute(statement("read_dependents"), values)
        found = [Obstacle(*row) for row in cursor.fetchall()]
        connection.rollback()
    return found


def refuse_obstacles(obstacles: Sequence[Obstacle]) -> None:
    """Raises ObjectsInTheWay where there are any."""
    if not obstacles:
        return
    named = ", ".join(map(str, obstacles[:_MOST_NAMED]))
    more = f" and {len(obstacles) - _MOST_NAMED} more" if len(obstacles) > _MOST_NAMED else ""
    raise ObjectsInTheWay(
        f"what others have built on our tables is in the way of migrations: {named}{more}. Drop it, migrate, and make"
        " it again: scrapy migrate --check shows what makes each (docs/operate/upgrading.md)"
    )
