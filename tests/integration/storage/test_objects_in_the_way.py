"""What others have built on our tables survives a migration, or is named by one that refuses; it is never dropped."""

from __future__ import annotations

import pytest

from datasync_spider.errors import MigrationError, ObjectsInTheWay
from datasync_spider.storage.connection import connected
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.obstacles import Obstacle, find_obstacles
from datasync_spider.storage.shape import changes
from datasync_spider.storage.tables import prepare_tables
from tests.support.database import execute_outside, rows, value
from tests.support.olddatabases import contents, load

# What makes it, what drops it, and how it is named.
IN_THE_WAY = {
    "a view of all columns": (
        "CREATE VIEW all_of_it AS SELECT * FROM ingestion_state",
        "DROP VIEW all_of_it",
        "view all_of_it (on ingestion_state.",
    ),
    "a view in another schema": (
        'CREATE SCHEMA theirs; CREATE VIEW theirs."Its State" AS SELECT id FROM ingestion_state',
        'DROP VIEW theirs."Its State"',
        'view theirs."Its State" (on ingestion_state.id)',
    ),
    "a materialized view": (
        "CREATE MATERIALIZED VIEW kept AS SELECT id, cursor FROM ingestion_state",
        "DROP MATERIALIZED VIEW kept",
        "materialized view kept (on ingestion_state.id)",
    ),
    "a function that the server has read": (
        "CREATE FUNCTION newest() RETURNS bigint LANGUAGE SQL BEGIN ATOMIC SELECT max(id) FROM ingestion_state; END",
        "DROP FUNCTION newest()",
        "function newest() (on ingestion_state.id)",
    ),
    "a rule of another table": (
        "CREATE TABLE theirs (a int); CREATE RULE noted AS ON INSERT TO theirs DO ALSO SELECT id FROM ingestion_state",
        "DROP RULE noted ON theirs",
        "rule noted on table theirs (on ingestion_state.id)",
    ),
    "a policy that is switched off": (
        "CREATE POLICY first ON ingestion_state USING (id = 1)",
        "DROP POLICY first ON ingestion_state",
        "policy first on table ingestion_state (on ingestion_state.id)",
    ),
    "a trigger that is switched off": (
        (
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER noted AFTER UPDATE OF id ON ingestion_state FOR EACH ROW EXECUTE FUNCTION nothing();"
            "ALTER TABLE ingestion_state DISABLE TRIGGER noted"
        ),
        "DROP TRIGGER noted ON ingestion_state",
        "trigger noted on table ingestion_state (on ingestion_state.id)",
    ),
    "a generated column": (
        "ALTER TABLE ingestion_state ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) STORED",
        "ALTER TABLE ingestion_state DROP COLUMN twice",
        "column twice of table ingestion_state (on ingestion_state.id)",
    ),
    "a publication of some rows": (
        "CREATE PUBLICATION first FOR TABLE ingestion_state WHERE (id = 1)",
        "DROP PUBLICATION first",
        "publication of table ingestion_state in publication first (on ingestion_state.id)",
    ),
    "a column of the table's own type": (
        "CREATE TABLE copies (of_it ingestion_state)",
        "DROP TABLE copies",
        "column of_it of table copies (on the type ingestion_state)",
    ),
    "a foreign key to a stream's name": (
        "CREATE TABLE notes (stream text REFERENCES ingestion_state (stream))",
        "ALTER TABLE notes DROP CONSTRAINT notes_stream_fkey",
        "constraint notes_stream_fkey on table notes (on the key ingestion_state_stream_key)",
    ),
    "a foreign key to a dead letter's bytes": (
        (
            "CREATE TABLE notes (a text, b bytea, c integer,"
            " FOREIGN KEY (a, b, c) REFERENCES rejected_events (stream, raw_sha256, twin))"
        ),
        "DROP TABLE notes",
        "constraint notes_a_b_c_fkey on table notes (on the key rejected_events_stream_raw_sha256_twin_key)",
    ),
    "a foreign key to a version": (
        (
            "CREATE TABLE notes (a text, b bytea,"
            " FOREIGN KEY (a, b) REFERENCES event_conflicts (event_id, payload_sha256))"
        ),
        "DROP TABLE notes",
        "constraint notes_a_b_fkey on table notes (on the key event_conflicts_event_id_payload_sha256_key)",
    ),
    "a view of what another version has counted": (
        "CREATE VIEW shared AS SELECT stream, pass_shared FROM ingestion_state",
        "DROP VIEW shared",
        "view shared (on ingestion_state.pass_shared)",
    ),
    "an index that would go with its column": (
        "CREATE INDEX shared ON ingestion_state (pass_shared)",
        "DROP INDEX shared",
        "index shared (on ingestion_state.pass_shared)",
    ),
    "a CHECK that would go with its column": (
        "ALTER TABLE ingestion_state ADD CONSTRAINT few CHECK (pass_shared < 1000 AND walk > 0)",
        "ALTER TABLE ingestion_state DROP CONSTRAINT few",
        "constraint few on table ingestion_state (on ingestion_state.pass_shared)",
    ),
}
SURVIVING = {
    "views of events, dead letters, runs, pages and conflicts": (
        (
            "CREATE VIEW a AS SELECT * FROM ingested_events; CREATE VIEW b AS SELECT * FROM rejected_events;"
            "CREATE VIEW c AS SELECT page.*, run.version FROM ingestion_pages AS page"
            " JOIN ingestion_runs AS run USING (run_id);"
            "CREATE MATERIALIZED VIEW d AS SELECT stream, reason, count(*) FROM rejected_events GROUP BY 1, 2;"
            "CREATE VIEW e AS SELECT * FROM event_conflicts; CREATE VIEW ab AS SELECT a.*, b.raw FROM a, b"
        ),
        (
            "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c),"
            " (SELECT count(*) FROM d), (SELECT count(*) FROM e), (SELECT count(*) FROM ab)"
        ),
    ),
    "a view of a stream's position and totals": (
        "CREATE VIEW a AS SELECT stream, cursor, total_ingested, lease_owner FROM ingestion_state",
        "SELECT * FROM a",
    ),
    "a view by the keys of the tables": (
        (
            "CREATE VIEW a AS SELECT run_id, started_at, count(*) FROM ingestion_runs"
            " JOIN rejected_events USING (run_id)"
            " GROUP BY ingestion_runs.run_id"
        ),
        "SELECT * FROM a ORDER BY 1",
    ),
    "foreign keys to what identifies a row": (
        (
            "CREATE TABLE notes (a text REFERENCES ingested_events, b smallint REFERENCES ingestion_state,"
            " c bigint REFERENCES ingestion_runs, d bigint REFERENCES rejected_events,"
            " e bigint REFERENCES event_conflicts);"
            "INSERT INTO notes SELECT 'evt-0000', 1, 1, (SELECT min(rejected_id) FROM rejected_events),"
            " (SELECT min(conflict_id) FROM event_conflicts)"
        ),
        (
            "SELECT notes.*, (SELECT count(*) FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'f')"
            " FROM notes"
        ),
    ),
    "indexes, statistics, CHECKs and grants of others": (
        (
            "CREATE INDEX by_time ON ingested_events (occurred_at); CREATE INDEX by_id ON ingestion_state (id, cursor);"
            "CREATE STATISTICS both_of (dependencies) ON id, walk FROM ingestion_state;"
            "ALTER TABLE ingestion_state ADD CONSTRAINT known CHECK (id > 0);"
            "GRANT SELECT ON rejected_events TO pg_monitor; GRANT SELECT (id) ON ingestion_state TO pg_monitor;"
            "COMMENT ON COLUMN ingestion_state.id IS 'theirs'"
        ),
        (
            "SELECT to_regclass('by_time'), to_regclass('by_id'), (SELECT count(*) FROM pg_statistic_ext),"
            " (SELECT count(*) FROM pg_constraint WHERE conname = 'known'),"
            " has_table_privilege('pg_monitor', 'rejected_events', 'SELECT'),"
            " has_column_privilege('pg_monitor', 'ingestion_state', 'id', 'SELECT'),"
            " col_description('ingestion_state'::regclass, 1)"
        ),
    ),
    "a function that gives rows of ours, and a publication": (
        (
            "CREATE FUNCTION them() RETURNS SETOF ingestion_runs LANGUAGE SQL AS 'SELECT * FROM ingestion_runs';"
            "CREATE PUBLICATION all_of_it FOR ALL TABLES; "
            "CREATE PUBLICATION part FOR TABLE ingested_events, ingestion_state"
        ),
        "SELECT (SELECT count(*) FROM them()), (SELECT count(*) FROM pg_publication_rel)",
    ),
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_in_the_way_is_named_with_what_makes_it_and_nothing_is_changed(
    empty_database_url: str, kind: str
) -> None:
    make, drop, name = IN_THE_WAY[kind]
    load(empty_database_url, "filled_0011")
    execute_outside(empty_database_url, make)
    before = contents(empty_database_url)
    with connected(empty_database_url) as connection:
        with pytest.raises(ObjectsInTheWay) as refusal:
            prepare_tables(connection)
        assert name in str(refusal.value)
        # It is in PostgreSQL's way, or would be dropped with what is.
        migrations = load_migrations()
        if not kind.endswith("would go with its column"):
            with pytest.raises(MigrationError, match="0012_streams_and_slices failed"):
                migrate(connection, migrations)
            connection.rollback()
        assert contents(empty_database_url) == before
        assert str(find_obstacles(connection, 11, len(migrations))[0]).startswith(name)
        execute_outside(empty_database_url, drop)
        prepare_tables(connection)


@pytest.mark.parametrize("kind", SURVIVING)
def test_what_is_not_in_the_way_survives_with_its_rows(empty_database_url: str, kind: str) -> None:
    make, look = SURVIVING[kind]
    load(empty_database_url, "filled_0008")
    execute_outside(empty_database_url, make)
    before = rows(empty_database_url, look)
    with connected(empty_database_url) as connection:
        prepare_tables(connection)
    assert rows(empty_database_url, look) == before


def test_views_on_a_view_are_named_in_the_order_in_which_they_are_to_be_dropped_and_can_be_made_again(
    empty_database_url: str,
) -> None:
    load(empty_database_url, "filled_0008")
    execute_outside(
        empty_database_url,
        "CREATE VIEW low AS SELECT id, cursor FROM ingestion_state; CREATE VIEW mid AS SELECT * FROM low;"
        "CREATE VIEW top AS SELECT mid.id, low.cursor FROM mid JOIN low USING (id)",
    )
    before = rows(empty_database_url, "SELECT * FROM top")
    with connected(empty_database_url) as connection:
        found = find_obstacles(connection, 8, len(load_migrations()))
        assert [obstacle.what for obstacle in found] == ["view top", "view mid", "view low"]
        for obstacle in found:
            execute_outside(empty_database_url, f"DROP {obstacle.what}")
        prepare_tables(connection)
    for obstacle in reversed(found):
        assert obstacle.definition is not None
        execute_outside(empty_database_url, obstacle.definition)
    assert rows(empty_database_url, "SELECT * FROM top") == before


def test_what_a_migration_changes_is_read_from_the_shapes_before_and_after(empty_database_url: str) -> None:
    found = {change.table: change for change in changes(11, 12)}
    assert found["ingestion_state"].retyped == ("id",)
    assert found["ingestion_state"].gone == ("pass_shared",)
    assert found["ingestion_state"].keys == ("unique key (stream)",)
    assert "ingested_events" not in found
    # Nothing is in the way in a database that is yet to be made.
    with connected(empty_database_url) as connection:
        assert find_obstacles(connection, 0, len(load_migrations())) == []
    assert value(empty_database_url, "SELECT to_regclass('ingestion_state') IS NULL")


def test_an_obstacle_is_reported_by_its_name_and_by_what_it_is_built_on() -> None:
    assert str(Obstacle("view v", "ingestion_state.id", None)) == "view v (on ingestion_state.id)"
