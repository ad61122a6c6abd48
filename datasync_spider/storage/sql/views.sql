-- name: find_view_stream
-- Where its table is, if it has one.
SELECT stream.stream_id, source.name AS source, stream.table_schema, stream.table_name,
       coalesce(stream.table_schema, current_schema()::text) AS schema
FROM ingestion_streams AS stream JOIN ingestion_sources AS source USING (source_id)
WHERE stream.name = %(stream)s;

-- name: read_known_columns
SELECT name, path, type FROM ingestion_columns WHERE stream_id = %(stream_id)s ORDER BY position;

-- name: save_column
-- Its path stays; its type is what the view has.
INSERT INTO ingestion_columns (stream_id, name, position, path, type)
VALUES (%(stream_id)s, %(name)s, %(position)s, %(path)s, %(type)s)
ON CONFLICT (stream_id, name) DO UPDATE SET type = excluded.type;

-- name: read_relation
-- What there is under the name, and its columns in their order.
SELECT relation.relkind::text AS kind,
       array_agg(attribute.attname::text ORDER BY attnum) AS names,
       array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) AS types
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relnamespace
JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
WHERE nspname = %(schema)s AND relname = %(name)s
GROUP BY relation.oid, relation.relkind;

-- name: create_view
CREATE OR REPLACE VIEW {view} AS
SELECT {columns}
FROM {table};

-- name: drop_view
-- What depends on it is not ours: it is named, and nothing is dropped.
DROP VIEW IF EXISTS {view};

-- name: text_column
{functions}ingestion_text({value})

-- name: bigint_column
{functions}ingestion_bigint({value})

-- name: numeric_column
{functions}ingestion_numeric({value})

-- name: boolean_column
{functions}ingestion_boolean({value})

-- name: timestamptz_column
{functions}ingestion_timestamptz({value})

-- name: jsonb_column
nullif({value}, 'null')

-- name: invoke_view
-- A role that reads it sees what it may see of the table. PostgreSQL 14 reads with the rights of the owner.
ALTER VIEW {view} SET (security_invoker = true);

-- name: read_server_version
SELECT current_setting('server_version_num')::integer;

-- name: read_view_grants
-- Of a view: who may do what with it, and what is said of it and of its columns.
SELECT format('GRANT %%s ON %%s TO %%s%%s', privilege_type, view.oid::regclass,
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_catalog.pg_class AS view, aclexplode(view.relacl)
WHERE view.oid = %(view)s::regclass AND grantee <> relowner
UNION ALL
SELECT CASE WHEN objsubid = 0 THEN format('COMMENT ON VIEW %%s IS %%L', objoid::regclass, description)
            ELSE format('COMMENT ON COLUMN %%s.%%I IS %%L', objoid::regclass, attname, description) END
FROM pg_catalog.pg_description
LEFT JOIN pg_catalog.pg_attribute ON attrelid = objoid AND attnum = objsubid AND attnum > 0
WHERE classoid = 'pg_class'::regclass AND objoid = %(view)s::regclass;

-- name: read_table_readers
-- A role that may read the table may read its view.
SELECT format('GRANT SELECT ON %%s TO %%s', %(view)s::regclass,
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_catalog.pg_class AS named, aclexplode(named.relacl)
WHERE named.oid = %(table)s::regclass AND privilege_type = 'SELECT' AND grantee <> relowner;

-- name: read_extent
-- How many pages the table has, and about how many rows: -1 where no one has counted yet.
SELECT pg_relation_size(oid) / current_setting('block_size')::bigint AS pages, reltuples::bigint AS rows
FROM pg_catalog.pg_class WHERE oid = %(table)s::regclass;

-- name: read_sample
-- At most so many rows of a range of pages, the last ones first, and no more of them than so many bytes hold. No other pages
-- are read.
SELECT payload::text, ingested_at
FROM (
    SELECT payload, ingested_at,
           sum(pg_column_size(payload)) OVER (ROWS UNBOUNDED PRECEDING) - pg_column_size(payload) AS bytes_before
    FROM (
        SELECT payload, ingested_at FROM {table} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid
        ORDER BY ctid DESC
        LIMIT %(rows)s
    ) AS last
) AS counted
WHERE bytes_before < %(bytes)s;

-- name: read_all_payloads
SELECT payload::text, ingested_at FROM {table};
