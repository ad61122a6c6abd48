"""``migrations/shape.json`` is what the migrations make, one after the other.

After a new migration: ``WRITE_SHAPE=1 pytest tests/integration/storage/test_shape_snapshot.py``.
"""

from __future__ import annotations

import json
import os

from datasync_spider.storage.connection import Connection, connected
from datasync_spider.storage.inspection import NEEDED_RIGHTS
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.shape import SNAPSHOT, Table, as_history, read_tables
from datasync_spider.storage.statements import statement


def test_the_snapshot_is_what_the_migrations_make(empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        shapes = [_record_of_migrations(connection)]
        for version in range(1, len(load_migrations()) + 1):
            migrate(connection, load_migrations()[:version])
            shapes.append(read_tables(connection, NEEDED_RIGHTS))
    made = as_history(shapes)
    if os.environ.get("WRITE_SHAPE"):
        SNAPSHOT.write_text(_as_text(made), encoding="utf-8")
    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == json.loads(json.dumps(made)), __doc__
    assert [table.flaws for table in shapes[-1].values() if table.flaws] == []


def _record_of_migrations(connection: Connection) -> dict[str, Table]:
    """What there is before the first migration."""
    with connection.cursor() as cursor:
        cursor.execute(statement("create_migrations_table"))
    connection.commit()
    return read_tables(connection, NEEDED_RIGHTS)


def _as_text(history: object) -> str:
    """A line a fact, so that what a migration changes is seen in its commit."""
    assert isinstance(history, dict)
    tables = []
    for name, facts in history.items():
        lines = [f"    {json.dumps(fact)}: {json.dumps(changes)}" for fact, changes in facts.items()]
        tables.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(tables) + "\n}\n"
