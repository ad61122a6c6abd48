-- name: read_server
SELECT current_setting('server_version_num')::integer AS version_number,
       current_setting('server_version') AS version,
       current_setting('server_encoding') AS encoding,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('synchronous_standby_names') AS synchronous_standby_names,
       (SELECT count(*) FROM pg_stat_replication
        WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')) AS standbys,
       current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery() AS is_read_only,
       current_setting('default_transaction_read_only') = 'on' AS is_read_only_by_default,
       current_user::text AS role,
       current_database()::text AS database,
       current_schema()::text AS schema,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
       has_database_privilege(current_database(), 'TEMPORARY') AS may_create_temporary,
       pg_database_size(current_database()) AS database_bytes,
       extract(epoch FROM clock_timestamp())::float8 AS now_epoch;

-- name: read_missing_rights
-- A table that does not exist yet will belong to the role that creates it, so nothing is missing there.
SELECT wanted.table_name, wanted.privilege
FROM unnest(%(tables)s::text[], %(privileges)s::text[]) AS wanted (table_name, privilege)
WHERE NOT has_table_privilege(to_regclass(wanted.table_name), wanted.privilege);

-- name: read_alien_tables
-- Only their owner may migrate them.
SELECT relname::text FROM pg_class
WHERE oid = ANY (SELECT to_regclass(name)::oid FROM unnest(%(tables)s::text[]) AS name)
  AND NOT pg_has_role(relowner, 'USAGE')
ORDER BY relname;

-- name: read_shapes
-- Everything about our tables that rows, keys and times depend on, one row a fact, from the catalog alone, and without a
-- lock on any of them, which a migration of another process may hold: so no expression is asked for that names a column.
-- Whatever has the name of one in our schema is looked at, be it a view or an index.
WITH named AS (
    SELECT pg_class.*, relname::text AS table_name
    FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relname = ANY (%(tables)s)
)
SELECT table_name, 'relation' AS part, relkind::text AS name,
       jsonb_build_object(
           'is_permanent', relpersistence = 'p', 'has_row_security', relrowsecurity OR relforcerowsecurity,
           'is_partition', relispartition
       ) AS detail
FROM named
UNION ALL
SELECT table_name, 'column', attname::text,
       jsonb_build_object(
           'type', format_type(atttypid, atttypmod), 'not_null', attnotnull OR typnotnull,
           'collation', CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END,
           'default', CASE WHEN attgenerated = '' THEN pg_get_expr(adbin, 0) END,
           'is_generated', attgenerated <> '', 'is_identity', attidentity <> ''
       )
FROM named
JOIN pg_attribute ON attrelid = named.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT table_name, 'unique', indexrelid::regclass::text,
       jsonb_build_object(
           'columns', (
               SELECT jsonb_agg(attname ORDER BY attname) FROM pg_attribute
               WHERE attrelid = indrelid AND attnum = ANY ((indkey::smallint[])[0:indnkeyatts - 1])
           ),
           'has_expressions', indexprs IS NOT NULL, 'is_partial', indpred IS NOT NULL, 'is_primary', indisprimary,
           'is_deferrable', NOT indimmediate, 'is_valid', indisvalid, 'excludes', indisexclusion
       )
FROM named JOIN pg_index ON indrelid = named.oid AND (indisunique OR indisexclusion) AND indislive
UNION ALL
SELECT table_name, 'trigger', tgname::text, '{}'
FROM named JOIN pg_trigger ON tgrelid = named.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')
UNION ALL
SELECT table_name, 'rule', rulename::text, '{}'
FROM named JOIN pg_rewrite ON ev_class = named.oid AND ev_type <> '1' AND ev_enabled IN ('O', 'A')
UNION ALL
SELECT table_name, 'child', inhrelid::regclass::text, '{}'
FROM named JOIN pg_inherits ON inhparent = named.oid;
