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
-- A table that does not exist yet will belong to whoever creates it, so nothing is missing there.
SELECT wanted.table_name, wanted.privilege
FROM unnest(%(tables)s::text[], %(privileges)s::text[]) AS wanted (table_name, privilege)
WHERE NOT has_table_privilege(to_regclass(wanted.table_name), wanted.privilege);

-- name: read_alien_tables
-- Only their owner may migrate them.
SELECT relname::text FROM pg_class
WHERE oid = ANY (SELECT to_regclass(name)::oid FROM unnest(%(tables)s::text[]) AS name)
  AND NOT pg_has_role(relowner, 'USAGE')
ORDER BY relname;
