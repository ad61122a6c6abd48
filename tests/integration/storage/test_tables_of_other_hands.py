"""A table that was made or altered by hand is adopted where that changes nothing, and else refused by its name."""

from __future__ import annotations

import pytest

from datasync_spider.errors import TableRefused
from datasync_spider.storage.connection import connected
from datasync_spider.storage.inspection import NEEDED_RIGHTS, inspect_database
from datasync_spider.storage.migrate import load_migrations, migrate
from datasync_spider.storage.shape import check_tables, find_faults
from datasync_spider.storage.tables import prepare_tables
from tests.support.database import execute_outside, rows, value

SEED = load_migrations()[0].sql
COLUMNS = "occurred_at TIMESTAMPTZ, payload JSONB NOT NULL, ingested_at TIMESTAMPTZ NOT NULL DEFAULT now()"
DROPPING = (
    "CREATE FUNCTION dropping() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    "CREATE TRIGGER dropping BEFORE INSERT ON ingested_events FOR EACH ROW EXECUTE FUNCTION dropping();"
)

FAR = "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far;"
PARTIAL = (
    "ALTER TABLE event_conflicts DROP CONSTRAINT event_conflicts_slice_id_event_id_payload_sha256_key;"
    "CREATE UNIQUE INDEX ON event_conflicts (slice_id, event_id, payload_sha256) WHERE was_stored"
)
REORDERED = (
    "DROP TABLE {0}; CREATE TABLE {0} (ingested_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL,"
    " occurred_at timestamptz, event_id text, CONSTRAINT named_otherwise PRIMARY KEY (event_id))"
)

# Of the table that all events go into: what was done to it, and what of that is reported.
EVENTS = {
    "no key": ("DROP CONSTRAINT ingested_events_pkey", "primary key is missing, expected (event_id)"),
    "a key on other columns": (
        "DROP CONSTRAINT ingested_events_pkey, ADD PRIMARY KEY (event_id, ingested_at)",
        "primary key is (event_id, ingested_at), expected (event_id)",
    ),
    "a deferrable key": (
        "DROP CONSTRAINT ingested_events_pkey, ADD PRIMARY KEY (event_id) DEFERRABLE",
        "deferrable key ingested_events_pkey",
    ),
    "a unique key of other hands": ("ADD UNIQUE (occurred_at)", "unique index ingested_events_occurred_at_key"),
    "an exclusion": ("ADD EXCLUDE (occurred_at WITH =)", "unique index ingested_events_occurred_at_excl"),
    "payload as text": ("ALTER payload TYPE text", "column payload is text NOT NULL, expected jsonb NOT NULL"),
    "payload as json": ("ALTER payload TYPE json", "column payload is json NOT NULL, expected jsonb NOT NULL"),
    "a time without a zone": (
        "ALTER occurred_at TYPE timestamp",
        "column occurred_at is timestamp without time zone, expected timestamp with time zone",
    ),
    "a time to the second": ("ALTER occurred_at TYPE timestamptz(0)", "column occurred_at is timestamp(0) with"),
    "a time that is required": ("ALTER occurred_at SET NOT NULL", "time zone NOT NULL, expected timestamp with"),
    "an id of so many characters": ("ALTER event_id TYPE varchar(8)", "column event_id is character varying(8)"),
    "an id as bytes": ("ALTER event_id TYPE bytea USING event_id::bytea", "column event_id is bytea"),
    "an id as number": ("ALTER event_id TYPE bigint USING event_id::bigint", "column event_id is bigint"),
    "an id as uuid": ("ALTER event_id TYPE uuid USING event_id::uuid", "column event_id is uuid"),
    "an id in another order": ('ALTER event_id TYPE text COLLATE "C"', 'is text COLLATE "C" NOT NULL'),
    "another clock": ("ALTER ingested_at SET DEFAULT clock_timestamp()", "DEFAULT clock_timestamp(), expected"),
    "no clock": ("ALTER ingested_at DROP DEFAULT", "column ingested_at is timestamp with time zone NOT NULL, expected"),
    "a column that is computed": (
        "DROP COLUMN occurred_at, ADD COLUMN occurred_at timestamptz GENERATED ALWAYS AS (ingested_at) STORED",
        "is timestamp with time zone GENERATED ALWAYS, expected",
    ),
    "a column less": ("DROP COLUMN occurred_at", "column occurred_at is missing"),
    "a column that must be given": ("ADD COLUMN tenant text NOT NULL", "column tenant is not ours"),
    "an unlogged table": ("SET UNLOGGED", "is unlogged"),
    "row security": ("ENABLE ROW LEVEL SECURITY", "has row security"),
}
# The same by statements of their own.
REMADE = {
    "a view": ("CREATE TABLE kept (LIKE {0}); DROP TABLE {0}; CREATE VIEW {0} AS SELECT * FROM kept", "is a view"),
    "a partitioned table": (
        "DROP TABLE {0}; CREATE TABLE {0} (event_id TEXT PRIMARY KEY, " + COLUMNS + ") PARTITION BY HASH (event_id)",
        "is a partitioned table",
    ),
    "a foreign table": (
        FAR + "DROP TABLE {0}; CREATE FOREIGN TABLE {0} (event_id TEXT NOT NULL) SERVER far",
        "is a foreign table",
    ),
    "a partition": (
        "DROP TABLE {0}; CREATE TABLE whole (event_id TEXT PRIMARY KEY, " + COLUMNS + ") PARTITION BY HASH (event_id);"
        "CREATE TABLE {0} PARTITION OF whole FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "is a partition",
    ),
    "a child": ("CREATE TABLE child () INHERITS ({0})", "has the child child"),
    "a trigger": (DROPPING, "has the trigger dropping"),
    "a rule": ("CREATE RULE dropping AS ON INSERT TO {0} DO INSTEAD NOTHING", "has the rule dropping"),
    "a type with rules": (
        "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9); ALTER TABLE {0} ALTER event_id TYPE short",
        "column event_id is short NOT NULL, expected text NOT NULL",
    ),
}
ALL = {**{name: ("ALTER TABLE {0} " + sql, reported) for name, (sql, reported) in EVENTS.items()}, **REMADE}

# Of our other tables.
OTHERS = {
    "ingestion_pages without a key": ("ALTER TABLE ingestion_pages DROP CONSTRAINT ingestion_pages_pkey", "primary"),
    "two rows a slice": (
        "ALTER TABLE ingestion_state DROP CONSTRAINT ingestion_state_stream_id_slice_key",
        "ingestion_state: unique key (slice, stream_id) is missing",
    ),
    "two streams in one table": (
        "DROP INDEX ingestion_streams_home_table_key",
        "ingestion_streams: unique key (table_name) of some rows is missing",
    ),
    "a dead letter that may come twice": (
        "ALTER TABLE rejected_events DROP CONSTRAINT rejected_events_slice_id_raw_sha256_twin_key",
        "rejected_events: unique key (raw_sha256, slice_id, twin) is missing",
    ),
    "a dead letter that is resolved as it comes": (
        "ALTER TABLE rejected_events ALTER replayed_at SET DEFAULT now()",
        "rejected_events: column replayed_at is timestamp with time zone DEFAULT now()",
    ),
    "a partial key for a whole one": (
        PARTIAL,
        "event_conflicts: unique key (event_id, payload_sha256, slice_id) is missing",
    ),
    "two submissions at once": (
        "DROP INDEX submission_attempts_in_progress_key",
        "submission_attempts: unique key (key_fingerprint) of some rows is missing",
    ),
    "one submission for ever": (
        "CREATE UNIQUE INDEX once ON submission_attempts (key_fingerprint)",
        "submission_attempts: unique index once is not ours",
    ),
    "runs without numbers": ("ALTER TABLE ingestion_runs ALTER run_id DROP IDENTITY", "ingestion_runs: column run_id"),
    "a table less": ("DROP TABLE event_conflicts", "table event_conflicts is missing"),
    "a ledger without a key": ("ALTER TABLE ingestion_pages DROP CONSTRAINT ingestion_pages_pkey", "ingestion_pages"),
    "migrations without a key": ("ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_pkey", "schema_mig"),
}

FREE = [
    "CREATE INDEX ON {0} (occurred_at); CREATE INDEX ON {0} USING gin (payload)",
    "CREATE UNIQUE INDEX ON {0} (event_id, occurred_at); CREATE UNIQUE INDEX ON {0} (event_id) INCLUDE (occurred_at)",
    "ALTER TABLE {0} ADD COLUMN note text, ADD COLUMN seen boolean NOT NULL DEFAULT false, ADD COLUMN n bigserial",
    "ALTER TABLE {0} ADD COLUMN kind text GENERATED ALWAYS AS (payload->>'type') STORED",
    "CREATE VIEW lately AS SELECT * FROM {0}; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM {0}",
    "COMMENT ON TABLE {0} IS 'ours'; GRANT SELECT ON {0} TO PUBLIC",
    "CREATE STATISTICS ON event_id, occurred_at FROM {0}",
    "CREATE TABLE seen (event_id text REFERENCES {0}); ALTER TABLE {0} ALTER event_id SET STATISTICS 500",
    "ALTER TABLE {0} ADD CHECK (event_id <> ''); ALTER TABLE {0} SET (fillfactor = 90)",
    "ALTER TABLE {0} ALTER occurred_at TYPE timestamptz(6), ALTER ingested_at SET DEFAULT CURRENT_TIMESTAMP",
    REORDERED,
    DROPPING + "ALTER TABLE {0} DISABLE TRIGGER dropping",
]


def refusal(url: str) -> str:
    """Also: nothing has been changed."""
    before = value(url, "SELECT count(*) FROM pg_class")
    with connected(url) as connection, pytest.raises(TableRefused) as caught:
        prepare_tables(connection)
    assert value(url, "SELECT count(*) FROM pg_class") == before
    assert "What to do: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("sql", "reported"), ALL.values(), ids=ALL.keys())
def test_a_table_of_events_that_was_made_otherwise_is_not_adopted(
    empty_database_url: str, sql: str, reported: str
) -> None:
    execute_outside(empty_database_url, SEED)
    execute_outside(empty_database_url, sql.replace("{0}", "ingested_events"))
    words = refusal(empty_database_url)
    assert reported in words
    assert "ingested_events" in words


@pytest.mark.parametrize(
    ("sql", "reported"), [*ALL.values(), *OTHERS.values()], ids=[*ALL.keys(), *(f"other: {name}" for name in OTHERS)]
)
def test_a_table_that_was_altered_since_is_refused_and_the_doctor_says_so(
    database_url: str, sql: str, reported: str
) -> None:
    execute_outside(database_url, sql.replace("{0}", "ingested_events"))
    assert reported in refusal(database_url)
    assert any(reported in fault for fault in inspect_database(database_url).table_faults)


@pytest.mark.parametrize("sql", FREE)
def test_what_changes_no_row_of_ours_is_free(empty_database_url: str, sql: str) -> None:
    execute_outside(empty_database_url, SEED)
    execute_outside(empty_database_url, sql.replace("{0}", "ingested_events"))
    with connected(empty_database_url) as connection:
        prepare_tables(connection)
        check_tables(connection)


@pytest.mark.parametrize(
    ("sql", "reported"),
    [
        ("CREATE TABLE ingestion_runs (id int)", "there is a table ingestion_runs, whose name a migration of ours"),
        ("CREATE VIEW event_conflicts AS SELECT 1", "there is a view event_conflicts, whose name"),
        ("CREATE SEQUENCE rejected_events", "there is a sequence rejected_events, whose name"),
        ("CREATE TABLE schema_migrations (version varchar PRIMARY KEY)", "schema_migrations: column name is missing"),
        ("CREATE TABLE ingestion_state (id int PRIMARY KEY, cursor text)", "ingestion_state: column id is integer"),
        (f"{SEED}; ALTER TABLE ingestion_state ADD COLUMN stream text", "column stream is there, though no migration"),
    ],
)
def test_a_name_that_is_taken_is_reported_before_the_first_migration(
    empty_database_url: str, sql: str, reported: str
) -> None:
    execute_outside(empty_database_url, sql)
    assert reported in refusal(empty_database_url)
    assert any(reported in fault for fault in inspect_database(empty_database_url).table_faults)


@pytest.mark.parametrize("version", range(1, len(load_migrations())))
def test_a_database_of_any_earlier_version_is_what_its_migrations_made(empty_database_url: str, version: int) -> None:
    with connected(empty_database_url) as connection:
        migrate(connection, load_migrations()[:version])
        assert find_faults(connection) == []
        prepare_tables(connection)


def test_a_table_that_was_altered_before_an_upgrade_is_refused_before_it(empty_database_url: str) -> None:
    with connected(empty_database_url) as connection:
        migrate(connection, load_migrations()[:5])
    execute_outside(empty_database_url, "ALTER TABLE rejected_events DROP CONSTRAINT rejected_events_pkey")
    assert "rejected_events: primary key is missing" in refusal(empty_database_url)
    assert value(empty_database_url, "SELECT count(*) FROM schema_migrations") == 5


def test_tables_of_these_names_in_another_schema_are_left_alone(empty_database_url: str) -> None:
    execute_outside(empty_database_url, "CREATE SCHEMA other; CREATE TABLE other.ingested_events (a int)")
    with connected(empty_database_url) as connection:
        prepare_tables(connection)
    assert rows(empty_database_url, "SELECT count(*) FROM public.ingested_events") == [(0,)]


def test_many_faults_are_reported_in_short(database_url: str) -> None:
    execute_outside(database_url, "DROP TABLE ingested_events; CREATE TABLE ingested_events (a int NOT NULL)")
    assert "; and 1 more. What to do" in refusal(database_url)


def test_looking_waits_for_no_one_who_alters_a_table(database_url: str) -> None:
    with connected(database_url) as altering, connected(database_url) as connection:
        with altering.cursor() as cursor:
            for table in NEEDED_RIGHTS.keys() - {"schema_migrations"}:
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
        connection.commit()
        assert find_faults(connection) == []
