-- name: read_encoding
SELECT current_setting('server_encoding'), current_database()::text;

-- name: lock_migrations
-- Held until the end of the transaction, so it works through a transaction-pooling proxy. The key is arbitrary, ours.
SELECT pg_advisory_xact_lock(7235191845);

-- name: create_migrations_table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version     INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    checksum    TEXT NOT NULL,
    applied_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- name: has_migrations_table
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: read_migrations
SELECT version, name, checksum FROM schema_migrations ORDER BY version;

-- name: record_migration
INSERT INTO schema_migrations (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s);

-- name: count_migrations
SELECT count(*) FROM schema_migrations;
