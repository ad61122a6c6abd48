-- name: begin_transaction
-- For this transaction only, so that a pooler between us and the server hands on no setting; the first thing said in each.
-- What a role, a database, a file or the environment sets for a session may be anything: whatever can change what is
-- stored or read is as PostgreSQL has it by default, and a table's name means ours (docs/reference/settings.md). One message
-- of several statements, since a set_config for each would have to be planned: four times the time.
-- row_security: where a policy would hide rows from us, an error is raised instead.
-- tcp_keepalives: a client whose machine died in the middle of a COPY is not idle to the server: only TCP notices it, by default
-- after two hours, and until then it holds the keys that its successor wants to write.
-- search_path: NULL leaves it. transaction_timeout: not before PostgreSQL 17.
-- slice_id: the slice that the transaction writes to, NULL where it writes to none. Nothing takes that lock for itself, so
-- no one waits for it: it says in pg_locks what the backend does (end_backends_of_earlier_runs).
SET LOCAL statement_timeout = %(statement_timeout_ms)s;
SET LOCAL lock_timeout = %(lock_timeout_ms)s;
SET LOCAL idle_in_transaction_session_timeout = %(idle_timeout_ms)s;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL transform_null_equals = off;
SET LOCAL row_security = off;
SET LOCAL tcp_keepalives_idle = 10;
SET LOCAL tcp_keepalives_interval = 5;
SET LOCAL tcp_keepalives_count = 3;
SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.set_config(
           'search_path', coalesce(%(search_path)s, pg_catalog.current_setting('search_path')), true
       ),
       CASE WHEN pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL
            THEN pg_catalog.set_config('transaction_timeout', '0', true) END,
       CASE WHEN %(slice_id)s::bigint IS NOT NULL
            THEN pg_catalog.pg_advisory_xact_lock_shared((1684107123::bigint << 32) + %(slice_id)s::bigint %% 4294967296) END;

-- name: read_search_path
-- The schemas in which a name is looked for, as far as they exist and may be used. The system's own are none for tables.
SELECT schema.name
FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS schema (name, place)
WHERE NOT pg_catalog.starts_with(schema.name::text, 'pg_') AND schema.name <> 'information_schema'
ORDER BY schema.place;

-- name: find_our_schemas
-- Schemas that hold the two tables that everything grew from, as far as we may write there, and whether migrations of ours
-- have been applied in them.
SELECT space.nspname::text,
       EXISTS (
           SELECT FROM pg_catalog.pg_class AS migrations
           WHERE migrations.relnamespace = space.oid AND migrations.relname = 'schema_migrations'
       )
FROM pg_catalog.pg_class AS events
JOIN pg_catalog.pg_class AS state ON state.relnamespace = events.relnamespace AND state.relname = 'ingestion_state'
JOIN pg_catalog.pg_namespace AS space ON space.oid = events.relnamespace
WHERE events.relname = 'ingested_events'
  AND NOT pg_catalog.starts_with(space.nspname::text, 'pg_')
  AND pg_catalog.has_schema_privilege(space.oid, 'USAGE')
  AND pg_catalog.has_table_privilege(state.oid, 'SELECT')
ORDER BY space.nspname;

-- name: may_identify_cluster
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE');

-- name: identify_database
-- The number of the server's data, of the database, and our schema.
SELECT pg_catalog.concat_ws('/', control.system_identifier, base.oid, pg_catalog.current_schema())
FROM pg_catalog.pg_control_system() AS control, pg_catalog.pg_database AS base
WHERE base.datname = pg_catalog.current_database();

-- name: read_standstill
-- What keeps one of these server processes of ours from going on: a standby that does not confirm a commit, or someone's lock. Waits
-- for an advisory lock are for another process that migrates, and count only where that one cannot go on either. No row:
-- nothing of the kind.
SELECT waiting.wait_event, pg_catalog.current_setting('synchronous_standby_names') AS standby_names,
       holder.pid AS holder, holder.application_name AS holder_name, holder.state AS holder_state,
       holder.wait_event AS holder_waits_for
FROM pg_catalog.pg_stat_activity AS waiting
LEFT JOIN pg_catalog.pg_stat_activity AS holder
    ON waiting.wait_event_type = 'Lock' AND holder.pid = ANY (pg_catalog.pg_blocking_pids(waiting.pid))
WHERE waiting.pid = ANY (%(pids)s)
  AND (waiting.wait_event = 'SyncRep'
       OR waiting.wait_event_type = 'Lock' AND (waiting.wait_event <> 'advisory' OR holder.wait_event = 'SyncRep'))
ORDER BY 'SyncRep' IN (waiting.wait_event, holder.wait_event) DESC NULLS LAST, waiting.query_start
LIMIT 1;
