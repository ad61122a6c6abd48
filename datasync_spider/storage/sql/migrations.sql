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
-- Through the catalog, whose lock makes the backend hear of what others have made since it last looked: to_regclass() alone would
-- say what it remembers, also when an advisory lock was waited for in between.
SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migrations'));

-- name: read_migrations
SELECT version, name, checksum FROM schema_migrations ORDER BY version;

-- name: record_migration
INSERT INTO schema_migrations (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s);

-- name: count_migrations
SELECT count(*) FROM schema_migrations;

-- name: lock_state
-- Every run's every transaction begins at this table.
LOCK TABLE ingestion_state IN ACCESS EXCLUSIVE MODE;

-- name: has_leases
-- The first two migrations make the table, and its leases.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass('ingestion_state') AND attname = 'lease_expires_at' AND NOT attisdropped
);

-- name: read_leases
-- A row is a stream's in older schemas, and has its name in all.
SELECT stream, lease_run_id, lease_owner, lease_acquired_at, lease_expires_at,
       coalesce(lease_expires_at < clock_timestamp(), true) AS is_expired
FROM ingestion_state
WHERE lease_owner IS NOT NULL
ORDER BY id;

-- name: read_lock_holders
-- Each process once. Whatever it has locked there, a migration may wait for it.
SELECT DISTINCT pid, application_name, coalesce(state, backend_type)
FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
WHERE granted AND pid <> pg_catalog.pg_backend_pid() AND relation IN (
    SELECT oid FROM pg_catalog.pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
      AND relname IN ('ingestion_state', 'ingestion_runs', 'ingestion_pages', 'rejected_events', 'event_conflicts',
                      'submission_attempts', 'ingested_events')
)
ORDER BY pid;

-- name: read_dependents
-- What others have built on parts of our tables that a migration changes, and what they have built on that: a view on a view.
-- From the catalog, as PostgreSQL itself would refuse it; what it makes again by itself where a type changes (indexes, keys,
-- CHECKs, statistics, foreign keys) is none of it. ``gone``: columns that are dropped, and with them silently whatever an
-- index or a CHECK says of them. ``keys``: the unique indexes that are dropped. The deepest first, as they are to be dropped.
WITH RECURSIVE part AS (
    SELECT attrelid AS table_oid, attnum, is_gone, format('%%s.%%s', table_name, column_name) AS name
    FROM unnest(%(tables)s::text[], %(columns)s::text[], %(gone)s::boolean[]) AS changed (table_name, column_name, is_gone)
    JOIN pg_attribute ON attrelid = to_regclass(quote_ident(table_name)) AND attname = column_name AND NOT attisdropped
),
direct AS (
    -- A generated column is what its default is to the catalog.
    SELECT CASE WHEN adrelid IS NULL THEN classid ELSE 'pg_class'::regclass END AS classid,
           coalesce(adrelid, objid) AS objid, coalesce(adnum, objsubid) AS objsubid, name
    FROM part JOIN pg_depend ON refclassid = 'pg_class'::regclass AND refobjid = table_oid AND refobjsubid = attnum
    LEFT JOIN pg_attrdef ON classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid
    WHERE (is_gone OR classid NOT IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
               AND NOT (classid = 'pg_class'::regclass AND objsubid = 0))
      -- Its own NOT NULL and default.
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE classid = 'pg_constraint'::regclass AND oid = objid AND contype = 'n')
      AND (adrelid IS NULL OR adrelid <> table_oid OR adnum <> attnum)
    UNION
    SELECT classid, objid, objsubid, format('the key %%s', key.index)
    FROM unnest(%(keys)s::text[]) AS key (index)
    LEFT JOIN pg_constraint ON contype IN ('u', 'p') AND conindid = key.index::regclass
    JOIN pg_depend ON deptype = 'n' AND (refclassid = 'pg_class'::regclass AND refobjid = key.index::regclass
                                         OR refclassid = 'pg_constraint'::regclass AND refobjid = pg_constraint.oid)
    UNION
    -- A column of a table that has ours as its type, which a changed type of a column forbids.
    SELECT 'pg_class'::regclass, column_of.attrelid, column_of.attnum, format('the type %%s', relname)
    FROM part JOIN pg_class ON pg_class.oid = table_oid JOIN pg_type ON pg_type.oid = reltype
    JOIN pg_attribute AS column_of ON column_of.atttypid IN (reltype, typarray) AND NOT column_of.attisdropped
    WHERE NOT is_gone AND (SELECT relkind FROM pg_class AS user_of WHERE user_of.oid = column_of.attrelid) IN ('r', 'm', 'p')
),
dependent AS (
    SELECT classid, objid, objsubid, name, 1 AS depth FROM direct
    UNION
    SELECT upper.classid, upper.objid, upper.objsubid, format('%%s', ev_class::regclass), depth + 1
    FROM dependent
    JOIN pg_rewrite ON dependent.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = dependent.objid
        AND rulename = '_RETURN'
    JOIN pg_depend AS upper ON upper.refclassid = 'pg_class'::regclass AND upper.refobjid = ev_class
        AND upper.deptype = 'n' AND NOT (upper.classid = 'pg_rewrite'::regclass AND upper.objid = dependent.objid)
    WHERE depth < 100
)
SELECT CASE WHEN relkind = 'v' THEN format('view %%s', ev_class::regclass)
            WHEN relkind = 'm' THEN format('materialized view %%s', ev_class::regclass)
            ELSE pg_describe_object(classid, objid, objsubid) END AS what,
       string_agg(DISTINCT name, ', ' ORDER BY name) AS on_what,
       CASE WHEN relkind = 'v' THEN format(E'CREATE VIEW %%s AS\n%%s', ev_class::regclass, pg_get_viewdef(ev_class, true))
            WHEN relkind = 'm'
            THEN format(E'CREATE MATERIALIZED VIEW %%s AS\n%%s', ev_class::regclass, pg_get_viewdef(ev_class, true))
            WHEN classid = 'pg_rewrite'::regclass THEN pg_get_ruledef(objid, true)
            WHEN classid = 'pg_proc'::regclass THEN pg_get_functiondef(objid)
            WHEN classid = 'pg_constraint'::regclass
            THEN (SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s;', conrelid::regclass, conname,
                                pg_get_constraintdef(oid)) FROM pg_constraint WHERE oid = objid)
            WHEN classid = 'pg_trigger'::regclass THEN pg_get_triggerdef(objid) || ';'
            END AS definition
FROM dependent
LEFT JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = objid AND rulename = '_RETURN'
LEFT JOIN pg_class ON pg_class.oid = ev_class
GROUP BY classid, objid, objsubid, relkind, ev_class
ORDER BY max(depth) DESC, what;

-- name: read_begun_streams
-- Before migration 0012, and as it sees them: streams that were ever begun, and what each has stored. The row of one may have
-- been deleted by hand.
SELECT stream, coalesce(state.total_ingested, (SELECT sum(inserted) FROM ingestion_runs AS run WHERE run.stream = gone.stream), 0)::bigint
FROM (
    SELECT stream FROM ingestion_runs UNION SELECT stream FROM ingestion_pages
    UNION SELECT stream FROM rejected_events UNION SELECT stream FROM event_conflicts
    EXCEPT SELECT stream FROM ingestion_state
) AS gone
FULL JOIN ingestion_state AS state USING (stream)
WHERE state.stream IS NULL OR state.cursor IS NOT NULL OR state.pass_status <> 'new' OR state.total_ingested > 0
   OR EXISTS (SELECT FROM ingestion_runs AS run WHERE run.stream = state.stream)
ORDER BY state.id NULLS LAST, stream;

-- name: count_shared_rows
SELECT count(*) FROM ingested_events;

-- name: estimate_rows
-- As the last vacuum or analyze has left them; -1 is none yet.
SELECT greatest(pages.reltuples, 0)::bigint, greatest(letters.reltuples, 0)::bigint, greatest(conflicts.reltuples, 0)::bigint
FROM pg_catalog.pg_class AS pages, pg_catalog.pg_class AS letters, pg_catalog.pg_class AS conflicts
WHERE pages.oid = 'ingestion_pages'::regclass AND letters.oid = 'rejected_events'::regclass
  AND conflicts.oid = 'event_conflicts'::regclass;
