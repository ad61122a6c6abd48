"""The views have every column of the registry, and whoever could read what they are made of can read them."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from datasync_spider.observe.columns import LINE, MACHINE, RUN, STREAM, Column
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from tests.support.database import rows
from tests.support.pages import page
from tests.support.runs import run_writer

VIEWS = [
    ("ingestion_stream_facts", STREAM),
    ("ingestion_run_facts", RUN),
    ("ingestion_slice_states", LINE),
    ("ingestion_machines", MACHINE),
]

KEYS = {
    "ingestion_stream_facts": "id",
    "ingestion_run_facts": "run_id",
    "ingestion_slice_states": "slice_id",
    "ingestion_machines": "host",
}


@pytest.mark.parametrize(("view", "columns"), VIEWS)
def test_a_view_has_every_column_of_the_registry(database_url: str, view: str, columns: tuple[Column, ...]) -> None:
    found = rows(database_url, f"SELECT attname FROM pg_attribute WHERE attrelid = '{view}'::regclass")
    assert {column.key for column in columns} <= {name for (name,) in found}


def test_who_could_read_the_tables_can_read_the_views(empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        migrate(connection, load_migrations()[:19])
    with closing(psycopg2.connect(empty_database_url)) as owner, owner.cursor() as cursor:
        cursor.execute('CREATE ROLE "datasync looks on"; CREATE ROLE datasync_stranger')
        owner.commit()
        try:
            # As the documentation of the version before had it.
            cursor.execute('GRANT SELECT ON ingestion_streams, ingestion_state, ingestion_runs TO "datasync looks on"')
            cursor.execute(
                "GRANT SELECT (credential_id, closed_until, advised_until) ON ingestion_credentials"
                ' TO "datasync looks on"'
            )
            owner.commit()
            with connected(empty_database_url) as connection:
                migrate(connection, load_migrations())
            cursor.execute(
                "SELECT rolname, has_table_privilege(rolname, 'ingestion_run_facts', 'SELECT') FROM pg_roles"
                " WHERE rolname IN ('datasync looks on', 'datasync_stranger') ORDER BY rolname"
            )
            assert cursor.fetchall() == [("datasync looks on", True), ("datasync_stranger", False)]
            cursor.execute('SET ROLE "datasync looks on"')
            for view, _ in VIEWS:
                cursor.execute(f"SELECT count(*) FROM {view}")
        finally:
            owner.rollback()
            cursor.execute('DROP OWNED BY "datasync looks on"; DROP ROLE "datasync looks on", datasync_stranger')
            owner.commit()


def test_a_policy_that_hides_rows_of_a_table_hides_them_in_the_views(database_url: str) -> None:
    """By the oldest server that can: PostgreSQL 15."""
    with run_writer(database_url) as run:
        run.write(page(1, ["a"]))
    with closing(psycopg2.connect(database_url)) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE ROLE datasync_tenant; GRANT SELECT ON ALL TABLES IN SCHEMA public TO datasync_tenant")
        cursor.execute("ALTER TABLE ingestion_state ENABLE ROW LEVEL SECURITY; SET ROLE datasync_tenant")
        found = {}
        for view, key in KEYS.items():
            cursor.execute(f"SELECT count({key}) FROM {view}")
            found[view] = cursor.fetchone()
        owner.rollback()
    assert found == dict.fromkeys(KEYS, (0,))
