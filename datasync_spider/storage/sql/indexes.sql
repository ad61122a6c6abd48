-- name: has_full_sync
-- Whether a complete pass of each slice that is not paused has ended.
SELECT count(*) > 0 AND bool_and(completed_at IS NOT NULL OR paused_at IS NOT NULL)
FROM ingestion_state WHERE stream_id = %(stream_id)s;

-- name: find_index
-- What there is under the name: an index of this table or something else, finished or not, and whether someone is at it.
SELECT coalesce(index.indrelid = to_regclass(%(table)s), false) AS is_ours, coalesce(index.indisvalid, false) AS is_valid,
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index WHERE index_relid = named.oid) AS is_under_way
FROM pg_catalog.pg_class AS named
JOIN pg_catalog.pg_namespace AS space ON space.oid = named.relnamespace
LEFT JOIN pg_catalog.pg_index AS index ON index.indexrelid = named.oid
WHERE nspname = %(schema)s AND relname = %(name)s;

-- name: drop_index
DROP INDEX CONCURRENTLY IF EXISTS {index};

-- name: create_index
CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table} USING {way};

-- name: ordered_index
btree (({expression}))

-- name: equal_index
-- Of texts: a B-tree refuses rows in which one is longer than a third of a page.
hash (({expression}))

-- name: containing_index
gin (({expression}) jsonb_path_ops)

-- name: analyze_table
ANALYZE {table};
